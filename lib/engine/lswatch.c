/* SPDX-License-Identifier: MIT */
#include "lswatch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/err.h"
#include "log.h"
#include "sock.h"

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

/* Only sockets without a peer: a host's connections come and go without waking us. */
static struct sock_filter only_listeners[] = {
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS,
             NLMSG_HDRLEN + offsetof(struct inet_diag_msg, id.idiag_dport)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

int mps_lswatch_open(void)
{
    const struct sock_fprog filter = {
        .len = sizeof(only_listeners) / sizeof(only_listeners[0]),
        .filter = only_listeners,
    };
    struct sockaddr_nl nl = {
        .nl_family = AF_NETLINK,
        .nl_groups = 1u << (SKNLGRP_INET_TCP_DESTROY - 1) | 1u << (SKNLGRP_INET6_TCP_DESTROY - 1),
    };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);

    if (fd < 0)
        return -1;
    /* Without the filter there is only more to look through. */
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0)
        mps_log("lswatch: filter: %s", strerror(errno));
    if (bind(fd, (struct sockaddr *)&nl, sizeof(nl)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static uint64_t cookie_of(const struct inet_diag_msg *msg)
{
    return (uint64_t)msg->id.idiag_cookie[1] << 32 | msg->id.idiag_cookie[0];
}

int mps_lswatch_next(int fd, uint64_t *ret_cookie)
{
    union {
        struct nlmsghdr head;
        char buf[4096];
    } in;
    ssize_t n = recv(fd, &in, sizeof(in), MSG_DONTWAIT);

    if (n < 0)
        return errno == ENOBUFS ? MPS_LSWATCH_LOST : MPS_LSWATCH_NONE;
    if (!mnl_nlmsg_ok(&in.head, (int)n) ||
        mnl_nlmsg_get_payload_len(&in.head) < sizeof(struct inet_diag_msg))
        return MPS_LSWATCH_LOST;
    *ret_cookie = cookie_of(mnl_nlmsg_get_payload(&in.head));
    return 0;
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

int mps_lswatch_check(const struct mps_lswatch_id *ids, unsigned n, bool *ret_alive)
{
    bool alive[MPS_LSWATCH_MAX];
    struct check c = {.ids = ids, .n = n, .alive = alive};
    struct mnl_socket *nl;
    uint16_t port;
    int rc = MPS_ESYS;

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
    nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (!nl)
        return MPS_ESYS;
    if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 && dump(nl, AF_INET, port, &c) == 0)
        rc = dump(nl, AF_INET6, port, &c);
    mnl_socket_close(nl);
    if (rc == 0)
        memcpy(ret_alive, alive, n * sizeof(alive[0]));
    return rc;
}
