/* SPDX-License-Identifier: MIT */
#include "linuxinfo.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include "engine/agent/memfd.h"
#include "engine/connection/mpconn.h"
#include "engine/connection/session.h"
#include "engine/net/sock.h"
#include "handover/kernelinfo.h"

/* The kernel's numbers of bytes begin behind the opening of a connection, as TCP's behind SYN. */
#define FIRST 1u

struct whole {
    struct mps_kernelinfo head;
    struct mps_kernelinfo_subflow sub[MPS_MAX_SUBFLOWS];
};

static uint8_t capped(unsigned n)
{
    return (uint8_t)(n < UINT8_MAX ? n : UINT8_MAX);
}

static void fill_head(const struct mps_session *s, struct mps_kernelinfo *ret)
{
    struct mps_kernel_info *i = &ret->info;
    const struct mps_conn *core;
    struct mps_conn_info info;

    i->subflows_max = capped(s->ac.options->conn.max_subflows - 1);
    i->write_seq = i->snd_una = i->rcv_nxt = FIRST;
    i->subflows_total = 1;
    if (!s->mp)
        return;
    core = mps_mpconn_core(s->mp);
    mps_conn_info(core, &info);
    i->subflows = capped(info.n_subflows > 0 ? info.n_subflows - 1 : 0);
    i->subflows_total = capped(info.n_subflows);
    i->flags = strcmp(info.state, "opening") != 0 ? MPS_KERNEL_REMOTE_KEY : 0;
    i->token = info.token;
    i->write_seq += info.bytes_sent + info.snd_queued;
    i->snd_una += info.bytes_acked;
    i->rcv_nxt = FIRST + mps_conn_rcv_nxt(core);
    i->bytes_sent = info.bytes_sent + info.snd_queued;
    i->bytes_received = info.bytes_received - info.rcv_out_of_order;
    i->bytes_acked = info.bytes_acked;
    i->bytes_retrans = info.bytes_reinjected;
}

/* As the core knows the subflow with this socket; NULL: not any more. */
static const struct mps_subflow_info *find(const struct mps_subflow_info *list, unsigned n, int fd)
{
    struct sockaddr_storage l, r;
    struct mps_addr local, remote;

    if (mps_sock_names(fd, &l, &r) < 0)
        return NULL;
    mps_sock_to_addr(&l, &local);
    mps_sock_to_addr(&r, &remote);
    for (unsigned i = 0; i < n; i++) {
        if (mps_addr_same_ip(&list[i].local, &local) && mps_addr_equal(&list[i].remote, &remote) &&
            (list[i].local.port == 0 || list[i].local.port == local.port))
            return &list[i];
    }
    return NULL;
}

static void set_names(int fd, struct mps_kernel_addrs *ret)
{
    socklen_t len = sizeof(ret->local);

    (void)getsockname(fd, (struct sockaddr *)ret->local, &len);
    len = sizeof(ret->remote);
    (void)getpeername(fd, (struct sockaddr *)ret->remote, &len);
}

/* The kernel's MPTCP has no bytes of its own in the stream of a subflow: ours are left out. */
static void count_data(const struct mps_subflow_info *info, struct tcp_info *ret)
{
    ret->tcpi_bytes_sent = info ? info->bytes_sent : 0;
    ret->tcpi_bytes_received = info ? info->bytes_received : 0;
    if (ret->tcpi_bytes_acked > ret->tcpi_bytes_sent)
        ret->tcpi_bytes_acked = ret->tcpi_bytes_sent;
}

static void fill_subflow(int fd, const struct mps_subflow_info *info,
                         struct mps_kernelinfo_subflow *ret, uint32_t *ret_len)
{
    union {
        struct tcp_info info;
        uint8_t room[MPS_KERNEL_TCP_MAX];
    } tcp;
    socklen_t len = sizeof(tcp);

    memset(&tcp, 0, sizeof(tcp));
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &len) == 0)
        *ret_len = len;
    count_data(info, &tcp.info);
    memcpy(ret->tcp_info, &tcp, sizeof(tcp));
    ret->id = (info ? info->id : 0) + 1;
    set_names(fd, &ret->addrs);
}

int mps_linuxinfo_file(const struct mps_session *s)
{
    struct mps_subflow_info list[MPS_MAX_SUBFLOWS];
    struct whole whole;
    int fds[MPS_MAX_SUBFLOWS];
    unsigned n_fds, n = 0;

    if (mps_session_is_plain(s)) {
        errno = EOPNOTSUPP;
        return -1;
    }
    memset(&whole, 0, sizeof(whole));
    if (s->mp)
        n = mps_conn_subflow_info(mps_mpconn_core(s->mp), list, MPS_MAX_SUBFLOWS);
    if (n > MPS_MAX_SUBFLOWS)
        n = MPS_MAX_SUBFLOWS;
    fill_head(s, &whole.head);
    n_fds = mps_session_fds(s, fds, MPS_MAX_SUBFLOWS);
    for (unsigned i = 0; i < n_fds; i++)
        fill_subflow(fds[i], find(list, n, fds[i]), &whole.sub[i], &whole.head.tcp_info);
    whole.head.subflows = n_fds;
    return mps_memfd_bytes(&whole, sizeof(whole.head) + n_fds * sizeof(whole.sub[0]));
}
