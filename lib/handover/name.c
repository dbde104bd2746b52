/* SPDX-License-Identifier: MIT */
#include "name.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include "message.h"
#include "sys.h"

#define PREFIX_LEN  (sizeof(MPS_HO_NAME_PREFIX) - 1)
#define CONN_ID_LEN 16
#define ADDR_LEN    19 /* family, port, ip */
#define AGENT_LEN   (1 + PREFIX_LEN + MPS_AGENT_ID_LEN)
#define CONN_LEN    (AGENT_LEN + 1 + CONN_ID_LEN + 1 + 2 * ADDR_LEN)

_Static_assert(CONN_LEN <= sizeof(((struct sockaddr_un *)NULL)->sun_path), "the name fits");

static void put_hex(char *out, uint64_t v)
{
    for (int i = CONN_ID_LEN - 1; i >= 0; i--, v >>= 4)
        out[i] = "0123456789abcdef"[v & 15];
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static bool get_hex(const char *in, uint64_t *ret)
{
    uint64_t v = 0;

    for (int i = 0; i < CONN_ID_LEN; i++) {
        int d = hex_digit(in[i]);

        if (d < 0)
            return false;
        v = v << 4 | (unsigned)d;
    }
    *ret = v;
    return true;
}

static bool put_addr(char *out, const struct sockaddr_storage *sa)
{
    memset(out, 0, ADDR_LEN);
    if (sa->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)sa;

        out[0] = 4;
        memcpy(out + 1, &in->sin_port, 2);
        memcpy(out + 3, &in->sin_addr, 4);
        return true;
    }
    if (sa->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;

        out[0] = 6;
        memcpy(out + 1, &in6->sin6_port, 2);
        memcpy(out + 3, &in6->sin6_addr, 16);
        return true;
    }
    return false;
}

static bool get_addr(const char *in, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (in[0] == 4) {
        struct sockaddr_in *sin = (struct sockaddr_in *)ret;

        sin->sin_family = AF_INET;
        memcpy(&sin->sin_port, in + 1, 2);
        memcpy(&sin->sin_addr, in + 3, 4);
        return true;
    }
    if (in[0] == 6) {
        struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret;

        sin6->sin6_family = AF_INET6;
        memcpy(&sin6->sin6_port, in + 1, 2);
        memcpy(&sin6->sin6_addr, in + 3, 16);
        return true;
    }
    return false;
}

socklen_t mps_name_agent(const char agent_id[MPS_AGENT_ID_LEN], struct sockaddr_un *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->sun_family = AF_UNIX;
    memcpy(ret->sun_path + 1, MPS_HO_NAME_PREFIX, PREFIX_LEN);
    memcpy(ret->sun_path + 1 + PREFIX_LEN, agent_id, MPS_AGENT_ID_LEN);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + AGENT_LEN);
}

socklen_t mps_name_make(const struct mps_name *name, struct sockaddr_un *ret)
{
    struct sockaddr_un un;
    char *p = un.sun_path + AGENT_LEN;

    mps_name_agent(name->agent_id, &un);
    *p++ = '/';
    put_hex(p, name->conn_id);
    p += CONN_ID_LEN;
    *p++ = '/';
    if (!put_addr(p, &name->local) || !put_addr(p + ADDR_LEN, &name->peer))
        return 0;
    *ret = un;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + CONN_LEN);
}

int mps_name_parse(const struct sockaddr_un *un, socklen_t len, struct mps_name *ret)
{
    struct mps_name name;
    const char *p = un->sun_path;
    const char *conn = p + AGENT_LEN;
    const char *addrs = conn + 1 + CONN_ID_LEN + 1;

    if (len != offsetof(struct sockaddr_un, sun_path) + CONN_LEN || un->sun_family != AF_UNIX)
        return -ENOTSOCK;
    if (p[0] != '\0' || memcmp(p + 1, MPS_HO_NAME_PREFIX, PREFIX_LEN) != 0 || conn[0] != '/' ||
        addrs[-1] != '/' || !get_hex(conn + 1, &name.conn_id))
        return -ENOTSOCK;
    if (!get_addr(addrs, &name.local) || !get_addr(addrs + ADDR_LEN, &name.peer))
        return -ENOTSOCK;
    memcpy(name.agent_id, p + 1 + PREFIX_LEN, MPS_AGENT_ID_LEN);
    name.agent_id[MPS_AGENT_ID_LEN] = '\0';
    *ret = name;
    return 0;
}

int mps_name_of(int fd, struct mps_name *ret)
{
    struct sockaddr_un un;
    socklen_t len = sizeof(un);
    int r;

    memset(&un, 0, sizeof(un));
    r = sys_getsockname(fd, &un, &len);
    if (r < 0)
        return r;
    return mps_name_parse(&un, len, ret);
}

void mps_name_store(const struct sockaddr_storage *from, void *addr, socklen_t *len)
{
    socklen_t full = from->ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                                : sizeof(struct sockaddr_in6);

    memcpy(addr, from, *len < full ? *len : full);
    *len = full;
}
