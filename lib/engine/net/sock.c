/* SPDX-License-Identifier: MIT */
#include "sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>
#include "core/base/err.h"

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif

#define RTO_MAX_MS       1000   /* the least the kernel takes */
#define TCP_ENDURANCE_MS 924600 /* 15 retransmissions: RFC 1122 section 4.2.3.5 as Linux does it */

/* Bytes that the TCP timestamp option takes from each segment. */
#define TIMESTAMP_LEN 12

#define SET_TRIES 8u

void mps_sock_to_addr(const struct sockaddr_storage *ss, struct mps_addr *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (ss->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)ss;

        ret->family = MPS_AF_INET;
        ret->port = ntohs(in->sin_port);
        memcpy(ret->ip, &in->sin_addr, 4);
    } else if (ss->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;

        ret->port = ntohs(in6->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
            ret->family = MPS_AF_INET;
            memcpy(ret->ip, in6->sin6_addr.s6_addr + 12, 4);
        } else {
            ret->family = MPS_AF_INET6;
            memcpy(ret->ip, &in6->sin6_addr, 16);
        }
    }
}

socklen_t mps_sock_from_addr(const struct mps_addr *addr, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (addr->family == MPS_AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)ret;

        in->sin_family = AF_INET;
        in->sin_port = htons(addr->port);
        memcpy(&in->sin_addr, addr->ip, 4);
        return sizeof(*in);
    }
    if (addr->family == MPS_AF_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(addr->port);
        memcpy(&in6->sin6_addr, addr->ip, 16);
        return sizeof(*in6);
    }
    return 0;
}

const char *mps_sock_text(const struct mps_addr *addr, char buf[MPS_SOCK_TEXT_LEN])
{
    char ip[INET6_ADDRSTRLEN] = "";

    if (addr->family == MPS_AF_INET6) {
        inet_ntop(AF_INET6, addr->ip, ip, sizeof(ip));
        snprintf(buf, MPS_SOCK_TEXT_LEN, "[%s]:%u", ip, addr->port);
    } else if (addr->family == MPS_AF_INET) {
        inet_ntop(AF_INET, addr->ip, ip, sizeof(ip));
        snprintf(buf, MPS_SOCK_TEXT_LEN, "%s:%u", ip, addr->port);
    } else {
        snprintf(buf, MPS_SOCK_TEXT_LEN, "-");
    }
    return buf;
}

int mps_sock_names(int fd, struct sockaddr_storage *ret_local, struct sockaddr_storage *ret_peer)
{
    struct sockaddr_storage local, peer;
    socklen_t len = sizeof(local);

    memset(&local, 0, sizeof(local));
    memset(&peer, 0, sizeof(peer));
    if (getsockname(fd, (struct sockaddr *)&local, &len) < 0)
        return MPS_ESYS;
    len = sizeof(peer);
    if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
        return MPS_ESYS;
    *ret_local = local;
    *ret_peer = peer;
    return 0;
}

int mps_sock_tcp(enum mps_family family)
{
    int domain = family == MPS_AF_INET6 ? AF_INET6 : AF_INET;

    return socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}

/*
 * What these options mean for the end of a connection does not bear a lack of memory for a moment:
 * SO_LINGER that is not taken back loses the last bytes, SO_PEEK_OFF gives others.
 */
static bool set(int fd, int level, int name, const void *value, socklen_t len)
{
    bool done = false;

    for (unsigned i = 0; i < SET_TRIES && !done; i++) {
        done = setsockopt(fd, level, name, value, len) == 0;
        if (!done && errno != EINTR && !mps_sock_is_lack(errno))
            return false;
    }
    return done;
}

bool mps_sock_set_int(int fd, int level, int name, int value)
{
    return set(fd, level, name, &value, sizeof(value));
}

void mps_sock_subflow_timers(int fd)
{
    if (mps_sock_get_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 0) == 0)
        mps_sock_set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_ENDURANCE_MS);
    /* Older kernels do not know it; then the back-off is TCP's own. */
    mps_sock_set_int(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, RTO_MAX_MS);
}

bool mps_sock_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

int mps_sock_get_int(int fd, int level, int name, int fallback)
{
    int value = 0;
    socklen_t len = sizeof(value);

    return getsockopt(fd, level, name, &value, &len) == 0 ? value : fallback;
}

bool mps_sock_is_tcp(int fd)
{
    return mps_sock_get_int(fd, SOL_SOCKET, SO_PROTOCOL, -1) == IPPROTO_TCP;
}

/* The kernel's structure may be longer or shorter than this header's: missing fields stay 0. */
static bool tcp_info(int fd, struct tcp_info *ret)
{
    socklen_t len = sizeof(*ret);

    memset(ret, 0, sizeof(*ret));
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, ret, &len) == 0;
}

unsigned mps_sock_peer_mss(int fd)
{
    struct tcp_info info;

    if (!tcp_info(fd, &info))
        return 0;
    return info.tcpi_snd_mss + ((info.tcpi_options & TCPI_OPT_TIMESTAMPS) ? TIMESTAMP_LEN : 0);
}

bool mps_sock_is_eof(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLRDHUP};

    return poll(&pfd, 1, 0) == 1 && (pfd.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

size_t mps_sock_waiting(int fd)
{
    int n = 0;

    return ioctl(fd, FIONREAD, &n) == 0 && n > 0 ? (size_t)n : 0;
}

bool mps_sock_at_urgent(int fd)
{
    int urgent = 0;

    return ioctl(fd, SIOCATMARK, &urgent) == 0 && urgent != 0;
}

bool mps_sock_is_lack(int err)
{
    return err == ENOMEM || err == ENOBUFS;
}

static bool set_linger(int fd, bool on)
{
    struct linger linger = {.l_onoff = on, .l_linger = 0};

    return set(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

void mps_sock_set_abortive(int fd, bool abortive)
{
    set_linger(fd, abortive);
}

void mps_sock_close(int fd)
{
    set_linger(fd, false);
    close(fd);
}

void mps_sock_reset(int fd)
{
    if (!set_linger(fd, true))
        shutdown(fd, SHUT_RDWR);
    close(fd);
}

/*
 * The delivery rate, unless the last sample was taken while we gave too little: then what TCP paces
 * at and what its window allows, whichever is less, are possible as well. (BBR's window is twice
 * the path; loss-based congestion controls pace above their window.)
 */
static uint64_t path_rate(const struct tcp_info *info, uint64_t cwnd)
{
    uint64_t possible;

    if (info->tcpi_rtt == 0 || (info->tcpi_delivery_rate > 0 &&
                                (!info->tcpi_delivery_rate_app_limited || info->tcpi_lost > 0)))
        return info->tcpi_delivery_rate;
    possible = cwnd * 1000000 / info->tcpi_rtt;
    if (possible > info->tcpi_pacing_rate && info->tcpi_pacing_rate > 0)
        possible = info->tcpi_pacing_rate;
    return possible > info->tcpi_delivery_rate ? possible : info->tcpi_delivery_rate;
}

bool mps_sock_metrics(int fd, struct mps_metrics *ret)
{
    struct tcp_info info;

    memset(ret, 0, sizeof(*ret));
    if (!tcp_info(fd, &info))
        return false;
    ret->srtt_us = info.tcpi_rtt;
    ret->rttvar_us = info.tcpi_rttvar;
    ret->min_rtt_us = info.tcpi_min_rtt == UINT32_MAX ? 0 : info.tcpi_min_rtt;
    ret->mss = info.tcpi_snd_mss;
    ret->cwnd = (uint64_t)info.tcpi_snd_cwnd * info.tcpi_snd_mss;
    if (info.tcpi_unacked > 0 &&
        info.tcpi_bytes_sent > info.tcpi_bytes_retrans + info.tcpi_bytes_acked)
        ret->in_flight = info.tcpi_bytes_sent - info.tcpi_bytes_retrans - info.tcpi_bytes_acked;
    ret->notsent = info.tcpi_notsent_bytes;
    ret->rate = path_rate(&info, ret->cwnd);
    ret->pacing = info.tcpi_pacing_rate == UINT64_MAX ? 0 : info.tcpi_pacing_rate;
    ret->acked = info.tcpi_bytes_acked;
    ret->delivered = info.tcpi_bytes_acked + (uint64_t)info.tcpi_sacked * info.tcpi_snd_mss;
    if (ret->in_flight > 0)
        ret->ack_age_us = info.tcpi_last_ack_recv > UINT32_MAX / 1000
                              ? UINT32_MAX
                              : info.tcpi_last_ack_recv * 1000;
    ret->segments = info.tcpi_data_segs_out;
    ret->repeats = info.tcpi_total_retrans;
    ret->beyond = info.tcpi_rcv_ooopack;
    ret->losing = info.tcpi_lost > 0;
    ret->backoff = info.tcpi_backoff;
    ret->tcp_options = info.tcpi_options;
    ret->mss_offered = info.tcpi_advmss > UINT16_MAX ? UINT16_MAX : (uint16_t)info.tcpi_advmss;
    return true;
}

uint64_t mps_sock_rtt_ns(int fd)
{
    struct tcp_info info;

    return tcp_info(fd, &info) ? (uint64_t)info.tcpi_rtt * 1000 : 0;
}

struct mps_sock_times mps_sock_times(int fd)
{
    struct tcp_info info;

    if (!tcp_info(fd, &info))
        return (struct mps_sock_times){0};
    return (struct mps_sock_times){
        .rtt = (uint64_t)info.tcpi_rtt * MPS_USEC,
        .rto = (uint64_t)info.tcpi_rto * MPS_USEC,
        .silence = (uint64_t)info.tcpi_last_ack_recv * MPS_MSEC,
    };
}

bool mps_sock_had_hole(int fd)
{
    struct tcp_info info;

    return tcp_info(fd, &info) && info.tcpi_rcv_ooopack > 0;
}

static void to_iov(const struct mps_span *spans, unsigned n, struct iovec *iov)
{
    for (unsigned i = 0; i < n; i++)
        iov[i] = (struct iovec){.iov_base = spans[i].p, .iov_len = spans[i].n};
}

ssize_t mps_sock_readv(int fd, const struct mps_span *spans, unsigned n)
{
    struct iovec iov[MPS_SOCK_IOV_MAX];
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};

    to_iov(spans, n, iov);
    return recvmsg(fd, &msg, MSG_DONTWAIT);
}

ssize_t mps_sock_writev(int fd, const struct mps_span *spans, unsigned n)
{
    struct iovec iov[MPS_SOCK_IOV_MAX];
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};

    to_iov(spans, n, iov);
    return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool mps_sock_would_block(int err)
{
    return err == EAGAIN || err == EWOULDBLOCK || err == EINTR;
}
