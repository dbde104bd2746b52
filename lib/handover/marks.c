/* SPDX-License-Identifier: MIT */
#include "marks.h"
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include "message.h"
#include "sys.h"

/* Of the kernel's state machine; <netinet/tcp.h>, which names them, excludes <linux/tcp.h>. */
#define STATE_ESTABLISHED 1
#define STATE_SYN_SENT    2
#define STATE_SYN_RECV    3
#define STATE_CLOSE       7

#define TIMESTAMPS_LEN 12 /* what the timestamps option takes from each segment */

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#define MPS_SOCK_RCVBUF_LOCK 2 /* a bit of SO_BUF_LOCK */

#define LARGEST_WINDOW 65535 /* that a SYN or SYN-ACK can say */

#define IPV4_HEADERS 40 /* with TCP's */
#define IPV6_HEADERS 60

#define OPT_END 0
#define OPT_NOP 1
#define OPT_MSS 2

static int set_option(int fd, int level, int name, int value)
{
    int saved = errno;
    int r = mps_sys_setsockopt(fd, level, name, &value, sizeof(value));

    if (r < 0)
        r = -errno;
    errno = saved;
    return r;
}

static int get_option(int fd, int level, int name, void *value, socklen_t *len)
{
    int saved = errno;
    int r = mps_sys_getsockopt(fd, level, name, value, len);

    if (r < 0)
        r = -errno;
    errno = saved;
    return r;
}

/* The largest there is (or that a kernel with the workaround for signed ones gives), too small to
 * be rounded, or unknown: it does not show what segments its sender takes. */
static bool window_is_mute(unsigned window, unsigned mark)
{
    return window >= LARGEST_WINDOW || window == 32767 || window < mark;
}

/* A buffer that makes the window of most sockets, and grows by itself. The kernel's default. */
#define ORDINARY_SPACE 65536

static int make_ordinary(int fd, int space, struct mps_marks_buffer *ret)
{
    int clamp = 0, lock = 0;
    socklen_t len = sizeof(clamp);
    int r;

    if (get_option(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &clamp, &len) < 0 || clamp != 0)
        return 1;
    len = sizeof(lock);
    if (get_option(fd, SOL_SOCKET, SO_BUF_LOCK, &lock, &len) < 0)
        return 1;
    r = set_option(fd, SOL_SOCKET, SO_RCVBUF, ORDINARY_SPACE);
    if (r < 0)
        return r;
    ret->space = space;
    ret->lock = lock;
    /* With the lock the scale of the window would be that of a small one. */
    return set_option(fd, SOL_SOCKET, SO_BUF_LOCK, lock & ~MPS_SOCK_RCVBUF_LOCK);
}

int mps_marks_prepare_connect(int fd, struct mps_marks_buffer *buffer)
{
    int size = 0, r = 0;
    socklen_t len = sizeof(size);
    unsigned window;

    if (buffer)
        buffer->space = 0;
    r = get_option(fd, SOL_SOCKET, SO_RCVBUF, &size, &len);
    if (r < 0)
        return r;
    window = (unsigned)size / 2 / MPS_MARK_CONNECT * MPS_MARK_CONNECT;
    if (window_is_mute(window, MPS_MARK_CONNECT)) {
        r = window > MPS_MARK_CONNECT && buffer ? make_ordinary(fd, size / 2, buffer) : 1;
        if (r != 0)
            return r;
    }
    return set_option(fd, IPPROTO_TCP, TCP_MAXSEG, MPS_MARK_CONNECT);
}

void mps_marks_put_back(int fd, const struct mps_marks_buffer *buffer)
{
    int size = 0;
    socklen_t len = sizeof(size);

    if (buffer->space == 0)
        return;
    (void)set_option(fd, SOL_SOCKET, SO_RCVBUF, buffer->space);
    /* Above the limit of ordinary programs: it has been set by one that may go there. */
    if (get_option(fd, SOL_SOCKET, SO_RCVBUF, &size, &len) == 0 && size / 2 < buffer->space)
        (void)set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, buffer->space);
    (void)set_option(fd, SOL_SOCKET, SO_BUF_LOCK, buffer->lock);
    /* What the kernel has made of the smaller buffer, if the connection is there already. */
    if (get_option(fd, SOL_SOCKET, SO_RCVBUF, &size, &len) == 0)
        (void)set_option(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, size / 2);
}

int mps_marks_prepare_listen(int fd)
{
    int r = set_option(fd, IPPROTO_TCP, TCP_SAVE_SYN, 1);

    if (r < 0)
        return r;
    return set_option(fd, IPPROTO_TCP, TCP_MAXSEG, MPS_MARK_LISTEN);
}

/*
 * The first window will be made from `space`. Linux makes it half of the buffer; the lock that
 * SO_RCVBUF sets is taken back at once, so that the buffer grows by itself as any other does.
 * Returns 1 if the kernel knows no such way.
 */
static int set_space(int fd, int space)
{
    int lock = 0;
    socklen_t len = sizeof(lock);
    int r;

    if (get_option(fd, SOL_SOCKET, SO_BUF_LOCK, &lock, &len) < 0)
        return 1;
    r = set_option(fd, SOL_SOCKET, SO_RCVBUF, space);
    return r < 0 ? r : set_option(fd, SOL_SOCKET, SO_BUF_LOCK, lock);
}

int mps_marks_prepare_join(int fd, unsigned mark, unsigned room)
{
    /* Divisors of MPS_MARK_JOIN_WINDOW. */
    static const unsigned sizes[] = {MPS_MARK_JOIN, 1176, 980, 504};
    const unsigned n = sizeof(sizes) / sizeof(sizes[0]);
    unsigned i = 0;
    int r;

    if (mark == MPS_MARK_JOIN_LARGE) {
        r = set_option(fd, IPPROTO_TCP, TCP_MAXSEG, MPS_MARK_JOIN_LARGE);
        return r < 0 ? r : set_space(fd, MPS_MARK_JOIN_LARGE_WINDOW);
    }
    while (i < n && room != 0 && sizes[i] > room)
        i++;
    if (i == n)
        return 1;
    r = set_option(fd, IPPROTO_TCP, TCP_MAXSEG, (int)sizes[i]);
    return r < 0 ? r : set_space(fd, MPS_MARK_JOIN_WINDOW);
}

int mps_marks_prepare_agent(int fd, unsigned mark)
{
    int r = set_option(fd, IPPROTO_TCP, TCP_SAVE_SYN, 1);

    if (r >= 0)
        r = set_option(fd, IPPROTO_TCP, TCP_MAXSEG, (int)mark);
    if (r >= 0)
        r = set_space(fd, MPS_MARK_AGENT_WINDOW);
    return r < 0 ? r : 0;
}

/* Zero-filled where the kernel is older than the struct. */
static bool read_info(int fd, struct tcp_info *ret)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    memset(&info, 0, sizeof(info));
    if (get_option(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return false;
    /* tcpi_notsent_bytes and the segment counters came with Linux 4.6. */
    if (len < offsetof(struct tcp_info, tcpi_data_segs_out) + sizeof(info.tcpi_data_segs_out))
        return false;
    *ret = info;
    return true;
}

static unsigned timestamps(const struct tcp_info *info)
{
    return info->tcpi_options & TCPI_OPT_TIMESTAMPS ? TIMESTAMPS_LEN : 0;
}

/*
 * LISTEN, in an answer to our question: that has left the kernel with its MSS, and with a window
 * that shows it: a kernel that makes other windows of its buffers (net.ipv4.tcp_adv_win_scale
 * before Linux 6.6) begins with a larger one.
 */
static bool answered(const struct tcp_info *info)
{
    const unsigned mark = MPS_MARK_LISTEN - timestamps(info);
    const unsigned window = info->tcpi_snd_wnd;

    if (info->tcpi_advmss != MPS_MARK_CONNECT - timestamps(info) ||
        info->tcpi_rcv_ssthresh > ORDINARY_SPACE)
        return false;
    return window_is_mute(window, mark) ? info->tcpi_snd_mss == mark : window % mark == 0;
}

static bool agent_window(unsigned window, unsigned segment)
{
    return segment > 0 && window == MPS_MARK_AGENT_WINDOW / segment * segment;
}

/*
 * AGENT: what a segment takes there is the mark, or what the MTU leaves of it. That is the MSS that
 * came, if no box has lowered it and ours is not lower still, or what our own MTU would leave.
 */
static bool answered_by_agent(const struct tcp_info *info)
{
    const unsigned less = timestamps(info), window = info->tcpi_snd_wnd;

    if (window == 0) /* a kernel before Linux 5.4 does not tell */
        return info->tcpi_snd_mss == MPS_MARK_AGENT - less ||
               info->tcpi_snd_mss == MPS_MARK_AGENT_LARGE - less;
    return agent_window(window, MPS_MARK_AGENT - less) ||
           agent_window(window, MPS_MARK_AGENT_LARGE - less) ||
           agent_window(window, info->tcpi_snd_mss) ||
           (info->tcpi_pmtu > IPV6_HEADERS + less &&
            (agent_window(window, info->tcpi_pmtu - IPV4_HEADERS - less) ||
             agent_window(window, info->tcpi_pmtu - IPV6_HEADERS - less)));
}

static bool untouched(const struct tcp_info *info)
{
    return info->tcpi_state == STATE_ESTABLISHED && info->tcpi_notsent_bytes == 0 &&
           info->tcpi_data_segs_out == 0 && info->tcpi_data_segs_in == 0;
}

/* If connect() itself has met the reset, the kernel has forgotten the options, not the window nor
 * the MSS. */
static bool refused(const struct tcp_info *info)
{
    const unsigned window = info->tcpi_snd_wnd, mss = info->tcpi_snd_mss;

    if (info->tcpi_state != STATE_CLOSE || info->tcpi_data_segs_out != 0)
        return false;
    if (window_is_mute(window, MPS_MARK_LISTEN - TIMESTAMPS_LEN))
        return mss == MPS_MARK_LISTEN || mss == MPS_MARK_LISTEN - TIMESTAMPS_LEN;
    return window % MPS_MARK_LISTEN == 0 || window % (MPS_MARK_LISTEN - TIMESTAMPS_LEN) == 0;
}

bool mps_marks_synack_is(int fd, unsigned mark)
{
    struct tcp_info info;

    if (!read_info(fd, &info))
        return false;
    return mark == MPS_MARK_LISTEN ? answered(&info) : answered_by_agent(&info);
}

bool mps_marks_untouched(int fd)
{
    struct tcp_info info;

    return read_info(fd, &info) && untouched(&info);
}

enum mps_marks_seen mps_marks_look(int fd)
{
    struct tcp_info info;

    if (!read_info(fd, &info))
        return MPS_MARKS_NATIVE;
    if (info.tcpi_state == STATE_SYN_SENT || info.tcpi_state == STATE_SYN_RECV)
        return MPS_MARKS_HANDSHAKE;
    if (refused(&info))
        return MPS_MARKS_REFUSED;
    if (!answered(&info))
        return MPS_MARKS_NATIVE;
    return untouched(&info) ? MPS_MARKS_ANSWERED : MPS_MARKS_NATIVE;
}

bool mps_marks_unconnected(int fd)
{
    struct tcp_info info;

    return read_info(fd, &info) && info.tcpi_state == STATE_CLOSE;
}

/* Where the TCP header starts, or `len` if there is none. */
static unsigned tcp_offset(const unsigned char *syn, unsigned len)
{
    unsigned next, at;

    if (len >= 20 && syn[0] >> 4 == 4) {
        at = (syn[0] & 0x0fu) * 4u;
        return syn[9] == IPPROTO_TCP && at >= 20 && at < len ? at : len;
    }
    if (len < 40 || syn[0] >> 4 != 6)
        return len;
    next = syn[6];
    at = 40;
    while (next != IPPROTO_TCP && at + 2 <= len) {
        if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
            return len;
        next = syn[at];
        at += (syn[at + 1] + 1u) * 8u;
    }
    return next == IPPROTO_TCP && at < len ? at : len;
}

/* The MSS option, wherever it stands; 0 if there is none. `at`, `end`: of the options. */
static unsigned mss_option(const unsigned char *syn, unsigned at, unsigned end)
{
    while (at < end && syn[at] != OPT_END) {
        if (syn[at] == OPT_NOP) {
            at++;
            continue;
        }
        if (end - at < 2 || syn[at + 1] < 2 || syn[at + 1] > end - at)
            return 0;
        if (syn[at] == OPT_MSS)
            return syn[at + 1] == 4 ? (unsigned)syn[at + 2] << 8 | syn[at + 3] : 0;
        at += syn[at + 1];
    }
    return 0;
}

unsigned mps_marks_of_syn(const unsigned char *syn, unsigned len)
{
    unsigned tcp = tcp_offset(syn, len);
    unsigned end, mss, window;

    if (len - tcp < 20)
        return 0;
    end = tcp + (syn[tcp + 12] >> 4) * 4u;
    if (end > len)
        return 0;
    window = (unsigned)syn[tcp + 14] << 8 | syn[tcp + 15];
    if (window == MPS_MARK_JOIN_WINDOW || window == MPS_MARK_JOIN_LARGE_WINDOW)
        return MPS_MARK_JOIN;
    mss = mss_option(syn, tcp + 20, end);
    if (mss == MPS_MARK_CONNECT)
        return MPS_MARK_CONNECT;
    /* A socket that takes over an address in TIME_WAIT counts the timestamps in. */
    if (window == 0)
        return 0;
    if (window % MPS_MARK_CONNECT == 0 || window % (MPS_MARK_CONNECT - TIMESTAMPS_LEN) == 0)
        return MPS_MARK_CONNECT;
    return 0;
}

/* The mark in the saved SYN; `ret_len`: the length of that. */
static unsigned read_syn(int fd, socklen_t *ret_len)
{
    unsigned char syn[512];

    *ret_len = sizeof(syn);
    if (get_option(fd, IPPROTO_TCP, TCP_SAVED_SYN, syn, ret_len) < 0 || *ret_len > sizeof(syn))
        return 0;
    return mps_marks_of_syn(syn, *ret_len);
}

unsigned mps_marks_saved_syn(int fd)
{
    socklen_t len;

    return read_syn(fd, &len);
}

unsigned mps_marks_accepted(int fd)
{
    socklen_t len, room = sizeof(int);
    unsigned mark = read_syn(fd, &len);
    int saves = 0; /* inherited from the listener */

    if (len == 0 && get_option(fd, IPPROTO_TCP, TCP_SAVE_SYN, &saves, &room) == 0 && saves > 0)
        return MPS_MARK_CONNECT;
    return mark;
}
