/* SPDX-License-Identifier: MIT */
#include "names.h"
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include "digits.h"
#include "message.h"

#define PREFIX_LEN (sizeof(MPS_HO_NAME_PREFIX) - 1)
#define HEX64_LEN  16
#define ADDR_LEN   MPS_HO_NAME_ADDR
#define AGENT_LEN  (1 + PREFIX_LEN + MPS_HO_ID_LEN)
#define CONN_LEN   (AGENT_LEN + 1 + HEX64_LEN + 1 + 2 * ADDR_LEN)

_Static_assert(CONN_LEN <= sizeof(((struct sockaddr_un *)0)->sun_path), "name fits sun_path");

bool mps_ho_id_valid(const char *id)
{
    for (int i = 0; i < MPS_HO_ID_LEN; i++)
        if (mps_hex_value(id[i]) < 0)
            return false;
    return id[MPS_HO_ID_LEN] == '\0';
}

socklen_t mps_ho_abstract_name(const char *prefix, const char *rest, struct sockaddr_un *ret)
{
    size_t prefix_len = strlen(prefix), len = strlen(rest);

    if (1 + prefix_len + len > sizeof(ret->sun_path))
        return 0;
    memset(ret, 0, sizeof(*ret));
    ret->sun_family = AF_UNIX;
    memcpy(ret->sun_path + 1, prefix, prefix_len);
    memcpy(ret->sun_path + 1 + prefix_len, rest, len);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + prefix_len + len);
}

socklen_t mps_ho_agent_name(const char *agent_id, struct sockaddr_un *ret)
{
    return mps_ho_abstract_name(MPS_HO_NAME_PREFIX, agent_id, ret);
}

socklen_t mps_ho_end_name(const char *agent_id, struct sockaddr_un *ret)
{
    return mps_ho_abstract_name(MPS_HO_END_PREFIX, agent_id, ret);
}

static bool put_addr(char *out, const struct sockaddr *sa)
{
    memset(out, 0, ADDR_LEN);
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, sa, sizeof(in));
        out[0] = 4;
        memcpy(out + 1, &in.sin_port, 2);
        memcpy(out + 3, &in.sin_addr, 4);
        return true;
    }
    if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, sa, sizeof(in6));
        out[0] = 6;
        memcpy(out + 1, &in6.sin6_port, 2);
        memcpy(out + 3, &in6.sin6_addr, 16);
        memcpy(out + 19, &in6.sin6_scope_id, 4);
        return true;
    }
    return false;
}

static bool get_addr(const char *in, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (in[0] == 4) {
        struct sockaddr_in sin = {.sin_family = AF_INET};

        memcpy(&sin.sin_port, in + 1, 2);
        memcpy(&sin.sin_addr, in + 3, 4);
        memcpy(ret, &sin, sizeof(sin));
        return true;
    }
    if (in[0] == 6) {
        struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};

        memcpy(&sin6.sin6_port, in + 1, 2);
        memcpy(&sin6.sin6_addr, in + 3, 16);
        memcpy(&sin6.sin6_scope_id, in + 19, 4);
        memcpy(ret, &sin6, sizeof(sin6));
        return true;
    }
    return false;
}

socklen_t mps_ho_conn_name(const char *agent_id, uint64_t conn_id, const struct sockaddr *local,
                           const struct sockaddr *peer, struct sockaddr_un *ret)
{
    char *p = ret->sun_path + AGENT_LEN;

    (void)mps_ho_agent_name(agent_id, ret);
    *p++ = '/';
    for (int shift = 56; shift >= 0; shift -= 8) {
        const unsigned char byte = (unsigned char)(conn_id >> shift);

        p = mps_hex_put(p, &byte, 1);
    }
    *p++ = '/';
    if (!put_addr(p, local) || !put_addr(p + ADDR_LEN, peer))
        return 0;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + CONN_LEN);
}

bool mps_ho_conn_name_parse(const struct sockaddr_un *un, socklen_t len,
                            struct mps_ho_conn_name *ret)
{
    const char *p = un->sun_path;
    struct mps_ho_conn_name name;

    if (len != offsetof(struct sockaddr_un, sun_path) + CONN_LEN || un->sun_family != AF_UNIX)
        return false;
    if (*p++ != '\0' || memcmp(p, MPS_HO_NAME_PREFIX, PREFIX_LEN) != 0)
        return false;
    p += PREFIX_LEN;
    memcpy(name.agent_id, p, MPS_HO_ID_LEN);
    name.agent_id[MPS_HO_ID_LEN] = '\0';
    p += MPS_HO_ID_LEN;
    if (!mps_ho_id_valid(name.agent_id) || *p++ != '/')
        return false;
    name.conn_id = 0;
    for (int i = 0; i < HEX64_LEN; i++) {
        int v = mps_hex_value(*p++);

        if (v < 0)
            return false;
        name.conn_id = name.conn_id << 4 | (uint64_t)v;
    }
    if (*p++ != '/' || !get_addr(p, &name.local) || !get_addr(p + ADDR_LEN, &name.peer))
        return false;
    *ret = name;
    return true;
}

socklen_t mps_ho_sockaddr_len(const struct sockaddr_storage *ss)
{
    switch (ss->ss_family) {
    case AF_INET:
        return sizeof(struct sockaddr_in);
    case AF_INET6:
        return sizeof(struct sockaddr_in6);
    default:
        return 0;
    }
}
