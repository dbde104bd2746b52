/* SPDX-License-Identifier: MIT */
#include "sockopts.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/base/addr.h"
#include "handover/binding.h"
#include "engine/net/sock.h"
#include "permitted.h"

/* TCP_INFO of newer kernels is longer than any header's. */
#define TCP_INFO_ROOM 512

/* Of newer kernels than the headers. */
#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif

#define ROOM_STEP 4

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72 /* Linux 5.14 */
#endif
#define BUF_LOCK_SEND 1 /* SO_SNDBUF was set */

struct option_id {
    int level, name;
};

/* What subflows take over from the socket that was handed over. */
static const struct option_id inherited[] = {
    {SOL_SOCKET, SO_KEEPALIVE},      {IPPROTO_TCP, TCP_KEEPIDLE}, {IPPROTO_TCP, TCP_KEEPINTVL},
    {IPPROTO_TCP, TCP_KEEPCNT},      {IPPROTO_IP, IP_TOS},        {SOL_SOCKET, SO_PRIORITY},
    {IPPROTO_IPV6, IPV6_TCLASS},     {SOL_SOCKET, SO_MARK},       {IPPROTO_TCP, TCP_CONGESTION},
    {IPPROTO_TCP, TCP_USER_TIMEOUT}, {IPPROTO_TCP, TCP_NODELAY},  {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
};

/* Recorded only: on a subflow they would disturb the framing or the measurements. */
static const struct option_id recorded_only[] = {
    {IPPROTO_TCP, TCP_CORK},         {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
    {IPPROTO_TCP, TCP_MAXSEG},       {SOL_SOCKET, SO_SNDBUF},
    {SOL_SOCKET, SO_RCVBUF},         {SOL_SOCKET, SO_RCVLOWAT},
    {SOL_SOCKET, SO_OOBINLINE},      {SOL_SOCKET, SO_LINGER},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP}, {SOL_SOCKET, SO_RCVTIMEO},
    {SOL_SOCKET, SO_SNDTIMEO},       {IPPROTO_TCP, TCP_NODELAY},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT}, {SOL_SOCKET, SO_MAX_PACING_RATE},
};

/* Subflows have values of the agent's; a program that has set none expects the kernel's. */
static const struct option_id own_values[] = {
    {IPPROTO_TCP, TCP_NODELAY},  {IPPROTO_TCP, TCP_USER_TIMEOUT}, {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
    {IPPROTO_TCP, TCP_SAVE_SYN}, {IPPROTO_TCP, TCP_RTO_MAX_MS},   {SOL_SOCKET, SO_MAX_PACING_RATE},
};

/* Besides those of handover/binding.h: they are of listeners, or carry pointers. */
static const struct option_id refused[] = {
    {IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE},
    {SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF},
    {SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF},
};

static bool contains(const struct option_id *list, size_t n, int level, int name)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].level == level && list[i].name == name)
            return true;
    }
    return false;
}

#define IN(list, level, name) contains(list, sizeof(list) / sizeof((list)[0]), level, name)

static int find(const struct mps_sockopts *opts, int level, int name)
{
    for (unsigned i = 0; i < opts->n; i++) {
        if (opts->item[i].level == level && opts->item[i].name == name)
            return (int)i;
    }
    return -1;
}

void mps_sockopts_deinit(struct mps_sockopts *opts)
{
    free(opts->item);
    memset(opts, 0, sizeof(*opts));
}

static bool make_room(struct mps_sockopts *opts)
{
    unsigned room = opts->room + ROOM_STEP;
    struct mps_sockopt *item;

    if (opts->n < opts->room)
        return true;
    if (opts->n == MPS_SOCKOPTS_MAX)
        return false;
    item = realloc(opts->item, room * sizeof(*item));
    if (!item)
        return false;
    opts->item = item;
    opts->room = room;
    return true;
}

static bool record(struct mps_sockopts *opts, int level, int name, const void *data, size_t len)
{
    int i = find(opts, level, name);

    if (len > MPS_SOCKOPTS_DATA_MAX || (i < 0 && !make_room(opts)))
        return false;
    if (i < 0)
        i = (int)opts->n++;
    opts->item[i].level = level;
    opts->item[i].name = name;
    opts->item[i].len = (socklen_t)len;
    memcpy(opts->item[i].data, data, len);
    if (level == SOL_SOCKET && name == SO_LINGER && len >= sizeof(struct linger)) {
        struct linger l;

        memcpy(&l, data, sizeof(l));
        opts->linger_abort = l.l_onoff != 0 && l.l_linger == 0;
    }
    return true;
}

static bool all_zero(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] != 0)
            return false;
    }
    return true;
}

int mps_sockopts_int(const struct mps_sockopts *opts, int level, int name, int fallback)
{
    int i = find(opts, level, name), value;

    if (i < 0 || opts->item[i].len < sizeof(value))
        return fallback;
    memcpy(&value, opts->item[i].data, sizeof(value));
    return value;
}

/* Of 32 or 64 bits; all ones stand for no limit. */
static uint64_t pacing_rate(const void *data, size_t len)
{
    uint64_t large;
    uint32_t small;

    if (len >= sizeof(large)) {
        memcpy(&large, data, sizeof(large));
        return large == UINT64_MAX ? 0 : large;
    }
    if (len < sizeof(small))
        return 0;
    memcpy(&small, data, sizeof(small));
    return small == UINT32_MAX ? 0 : small;
}

uint64_t mps_sockopts_pacing(const struct mps_sockopts *opts)
{
    int i = find(opts, SOL_SOCKET, SO_MAX_PACING_RATE);

    return i < 0 ? 0 : pacing_rate(opts->item[i].data, opts->item[i].len);
}

static void inherit_pacing(struct mps_sockopts *opts, int fd)
{
    uint8_t data[sizeof(uint64_t)];
    socklen_t len = sizeof(data);

    if (getsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, data, &len) == 0 &&
        pacing_rate(data, len) > 0)
        record(opts, SOL_SOCKET, SO_MAX_PACING_RATE, data, len);
}

/* A send buffer that the program chose, as it named it: the kernel shows twice as much. */
static void inherit_sndbuf(struct mps_sockopts *opts, int fd)
{
    int locked = mps_sock_get_int(fd, SOL_SOCKET, SO_BUF_LOCK, 0);
    int size = mps_sock_get_int(fd, SOL_SOCKET, SO_SNDBUF, 0) / 2;

    if (locked & BUF_LOCK_SEND && size > 0)
        record(opts, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

void mps_sockopts_inherit(struct mps_sockopts *opts, int fd)
{
    struct linger linger;
    socklen_t len;

    for (size_t i = 0; i < sizeof(inherited) / sizeof(inherited[0]); i++) {
        uint8_t data[MPS_SOCKOPTS_DATA_MAX];
        const struct option_id *id = &inherited[i];

        len = sizeof(data);
        /* Zero is the default of each of them. */
        if (getsockopt(fd, id->level, id->name, data, &len) == 0 && !all_zero(data, len))
            record(opts, id->level, id->name, data, len);
    }
    len = sizeof(linger);
    if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) == 0 && linger.l_onoff)
        record(opts, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    inherit_sndbuf(opts, fd);
    inherit_pacing(opts, fd);
}

static bool goes_to_socket(const struct mps_sockopts *opts, int level, int name)
{
    return opts->plain || !IN(recorded_only, level, name);
}

void mps_sockopts_give_linger(const struct mps_sockopts *opts, int fd)
{
    int i = find(opts, SOL_SOCKET, SO_LINGER);

    if (i >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, opts->item[i].data, opts->item[i].len);
}

void mps_sockopts_apply(const struct mps_sockopts *opts, int fd)
{
    if (!opts->plain)
        mps_sock_set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    for (unsigned i = 0; i < opts->n; i++) {
        /* A socket of the other family has not all of them; what is refused is left out. */
        if (goes_to_socket(opts, opts->item[i].level, opts->item[i].name) &&
            setsockopt(fd, opts->item[i].level, opts->item[i].name, opts->item[i].data,
                       opts->item[i].len) < 0)
            continue;
    }
}

/* Would a socket take it? An errno value. */
static int try_anywhere(int level, int name, const void *data, size_t len)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP), err = 0;

    if (fd < 0)
        return errno;
    if (setsockopt(fd, level, name, data, (socklen_t)len) < 0)
        err = errno;
    close(fd);
    return err;
}

bool mps_sockopts_can_follow(const struct mps_sockopts *opts)
{
    int i = find(opts, SOL_SOCKET, SO_MARK);

    return i < 0 ||
           try_anywhere(SOL_SOCKET, SO_MARK, opts->item[i].data, opts->item[i].len) != EPERM;
}

int mps_sockopts_set(struct mps_sockopts *opts, const int *fds, unsigned n_fds, int level, int name,
                     const void *data, size_t len, int proof)
{
    int first_error;
    bool any = false;

    if (IN(refused, level, name) || mps_binding_of(level, name) & MPS_BINDING_REFUSED)
        return ENOPROTOOPT;
    first_error = mps_permitted_set(level, name, data, len, proof);
    if (first_error != 0)
        return first_error;
    if (!goes_to_socket(opts, level, name)) {
        /* A value that is only recorded has to be valid, too. */
        first_error = try_anywhere(level, name, data, len);
        if (first_error == 0 && !record(opts, level, name, data, len))
            first_error = EINVAL;
        return first_error;
    }
    for (unsigned i = 0; i < n_fds; i++) {
        if (setsockopt(fds[i], level, name, data, (socklen_t)len) == 0)
            any = true;
        else if (first_error == 0)
            first_error = errno;
    }
    if (!any && first_error != 0)
        return first_error;
    record(opts, level, name, data, len);
    return 0;
}

/* The first subflow's, with the byte counters of all. */
static int get_tcp_info(const int *fds, unsigned n_fds, void *data, size_t *len)
{
    union {
        struct tcp_info info;
        uint8_t room[TCP_INFO_ROOM];
    } sum, one;
    socklen_t sum_len = sizeof(sum), one_len;

    memset(&sum, 0, sizeof(sum));
    if (getsockopt(fds[0], IPPROTO_TCP, TCP_INFO, &sum, &sum_len) < 0)
        return errno;
    for (unsigned i = 1; i < n_fds; i++) {
        memset(&one, 0, sizeof(one));
        one_len = sizeof(one);
        if (getsockopt(fds[i], IPPROTO_TCP, TCP_INFO, &one, &one_len) < 0)
            continue;
        sum.info.tcpi_total_retrans += one.info.tcpi_total_retrans;
        sum.info.tcpi_bytes_acked += one.info.tcpi_bytes_acked;
        sum.info.tcpi_bytes_received += one.info.tcpi_bytes_received;
        sum.info.tcpi_bytes_sent += one.info.tcpi_bytes_sent;
        sum.info.tcpi_bytes_retrans += one.info.tcpi_bytes_retrans;
        sum.info.tcpi_segs_out += one.info.tcpi_segs_out;
        sum.info.tcpi_segs_in += one.info.tcpi_segs_in;
        sum.info.tcpi_data_segs_out += one.info.tcpi_data_segs_out;
        sum.info.tcpi_data_segs_in += one.info.tcpi_data_segs_in;
        sum.info.tcpi_snd_cwnd += one.info.tcpi_snd_cwnd;
        sum.info.tcpi_delivery_rate += one.info.tcpi_delivery_rate;
    }
    if (*len > sum_len)
        *len = sum_len;
    memcpy(data, &sum, *len);
    return 0;
}

/* What a socket says on which nothing was set; an errno value. */
static int get_default(int level, int name, void *data, size_t *len)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP), err = 0;
    socklen_t n = (socklen_t)*len;

    if (fd < 0)
        return errno;
    if (getsockopt(fd, level, name, data, &n) < 0)
        err = errno;
    close(fd);
    *len = n;
    return err;
}

/* The kernel's word on what the program set: it may have taken less. An errno value. */
static int get_of_socket(int fd, int level, int name, void *data, size_t *len)
{
    socklen_t n = (socklen_t)*len;

    if (getsockopt(fd, level, name, data, &n) < 0)
        return errno;
    *len = n;
    return 0;
}

/* As the kernel shows it. */
static void double_it(void *data, size_t len)
{
    int size;

    if (len != sizeof(size))
        return;
    memcpy(&size, data, sizeof(size));
    size *= 2;
    memcpy(data, &size, sizeof(size));
}

int mps_sockopts_get(const struct mps_sockopts *opts, const int *fds, unsigned n_fds, int level,
                     int name, void *data, size_t *len)
{
    int i = find(opts, level, name), err = mps_permitted_get(level, name);

    if (err != 0)
        return err;
    if (i >= 0 && n_fds > 0 && goes_to_socket(opts, level, name) && !IN(own_values, level, name))
        return get_of_socket(fds[0], level, name, data, len);
    if (i >= 0) {
        if (*len > opts->item[i].len)
            *len = opts->item[i].len;
        memcpy(data, opts->item[i].data, *len);
        if (level == SOL_SOCKET && name == SO_SNDBUF)
            double_it(data, *len);
        return 0;
    }
    /* An accepted socket has the listener's TCP_SAVE_SYN in any case. */
    if (IN(own_values, level, name) && (!opts->plain || name == TCP_SAVE_SYN))
        return get_default(level, name, data, len);
    if (IN(refused, level, name))
        return ENOPROTOOPT;
    if (n_fds == 0)
        return ENOTCONN;
    if (level == IPPROTO_TCP && name == TCP_INFO)
        return get_tcp_info(fds, n_fds, data, len);
    return get_of_socket(fds[0], level, name, data, len);
}
