/* SPDX-License-Identifier: MIT */
#include "lswatch.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "core/base/err.h"
#include "engine/net/sock.h"

#define STATE_LISTEN 10

struct check {
    const struct mps_lswatch_id *ids;
    unsigned n;
    bool *alive;
};

int mps_lswatch_identify(int fd, struct mps_lswatch_id *ret)
{
    struct sockaddr_storage ss;
    struct mps_addr addr;
    struct stat st;
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    if (fstat(fd, &st) < 0 || getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0)
        return MPS_ESYS;
    len = sizeof(ss);
    if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
        return MPS_ESYS;
    mps_sock_to_addr(&ss, &addr);
    ret->inode = (uint32_t)st.st_ino;
    ret->cookie = cookie;
    ret->port = addr.port;
    return 0;
}

static uint64_t cookie_of(const struct inet_diag_msg *msg)
{
    return (uint64_t)msg->id.idiag_cookie[1] << 32 | msg->id.idiag_cookie[0];
}

static int on_socket(const struct nlmsghdr *nlh, void *data)
{
    const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
    struct check *c = data;
    uint64_t cookie = cookie_of(msg);

    /* inode 0: nobody refers to the socket any more. */
    for (unsigned i = 0; i < c->n; i++) {
        if (msg->idiag_inode != 0 && c->ids[i].inode == msg->idiag_inode &&
            c->ids[i].cookie == cookie)
            c->alive[i] = true;
    }
    return MNL_CB_OK;
}

static int dump(struct mnl_socket *nl, uint8_t family, uint16_t port, struct check *c)
{
    static unsigned seq;
    char buf[16384];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
    struct inet_diag_req_v2 *req;
    ssize_t n;
    int rc;

    nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    nlh->nlmsg_seq = ++seq;
    req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
    req->sdiag_family = family;
    req->sdiag_protocol = IPPROTO_TCP;
    req->idiag_states = 1u << STATE_LISTEN;
    req->id.idiag_sport = htons(port);
    if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
        return MPS_ESYS;
    do {
        n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
        if (n < 0)
            return MPS_ESYS;
        rc = mnl_cb_run(buf, (size_t)n, seq, mnl_socket_get_portid(nl), on_socket, c);
    } while (rc == MNL_CB_OK);
    return rc < 0 ? MPS_ESYS : 0;
}

/* A line of /proc/net/tcp. False after the last listener: all of them come first. */
static bool look_at_line(const char *line, struct check *c)
{
    unsigned port, state;
    unsigned long inode;

    if (sscanf(line, "%*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %lu", &port,
               &state, &inode) != 3)
        return true; /* the heading */
    if (state != STATE_LISTEN)
        return false;
    for (unsigned i = 0; i < c->n; i++) {
        if (inode != 0 && c->ids[i].inode == inode && c->ids[i].port == port)
            c->alive[i] = true;
    }
    return true;
}

static bool read_table(const char *path, struct check *c)
{
    FILE *f = fopen(path, "re");
    char line[512];

    if (!f)
        return false;
    while (fgets(line, sizeof(line), f) && look_at_line(line, c))
        ;
    fclose(f);
    return true;
}

/*
 * Where netlink is refused (RestrictAddressFamilies= of systemd): the same from /proc, which knows
 * no cookies. An inode that was used again for a listener of the same port is taken for the old
 * one. Without IPv6 there is one table only.
 */
static int check_by_proc(struct check *c)
{
    if (!read_table("/proc/self/net/tcp", c))
        return MPS_ESYS;
    (void)read_table("/proc/self/net/tcp6", c);
    return 0;
}

static int check_by_netlink(struct check *c, uint16_t port)
{
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    int rc = MPS_ESYS;

    if (!nl)
        return MPS_ESYS;
    if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 && dump(nl, AF_INET, port, c) == 0)
        rc = dump(nl, AF_INET6, port, c);
    mnl_socket_close(nl);
    return rc;
}

int mps_lswatch_check(const struct mps_lswatch_id *ids, unsigned n, bool *ret_alive)
{
    bool alive[MPS_LSWATCH_MAX];
    struct check c = {.ids = ids, .n = n, .alive = alive};
    uint16_t port;
    int rc;

    if (n == 0)
        return 0;
    if (n > MPS_LSWATCH_MAX)
        return MPS_ELIMIT;
    memset(alive, 0, sizeof(alive));
    port = ids[0].port;
    for (unsigned i = 1; i < n; i++) {
        if (ids[i].port != port)
            port = 0; /* several ports: one dump of all */
    }
    rc = check_by_netlink(&c, port);
    if (rc < 0) {
        memset(alive, 0, sizeof(alive));
        rc = check_by_proc(&c);
    }
    if (rc == 0)
        memcpy(ret_alive, alive, n * sizeof(alive[0]));
    return rc;
}
