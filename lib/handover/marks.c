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

int mps_marks_prepare_connect(int fd)
{
    return set_option(fd, IPPROTO_TCP, TCP_MAXSEG, MPS_MARK_CONNECT);
}

int mps_marks_prepare_listen(int fd)
{
    int r = set_option(fd, IPPROTO_TCP, TCP_SAVE_SYN, 1);

    if (r < 0)
        return r;
    return set_option(fd, IPPROTO_TCP, TCP_MAXSEG, MPS_MARK_LISTEN);
}

int mps_marks_share_port(int fd)
{
    int on = 0;
    socklen_t len = sizeof(on);
    int r = get_option(fd, SOL_SOCKET, SO_REUSEPORT, &on, &len);

    if (r < 0)
        return r;
    if (on)
        return 0;
    r = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    return r < 0 ? r : 1;
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

static bool answered(const struct tcp_info *info, unsigned mark)
{
    if (info->tcpi_options & TCPI_OPT_TIMESTAMPS)
        mark -= TIMESTAMPS_LEN;
    return info->tcpi_snd_mss == mark;
}

static bool untouched(const struct tcp_info *info)
{
    return info->tcpi_state == STATE_ESTABLISHED && info->tcpi_notsent_bytes == 0 &&
           info->tcpi_data_segs_out == 0 && info->tcpi_data_segs_in == 0;
}

/* If connect() itself has met the reset, the kernel has forgotten the options, not the MSS. */
static bool refused(const struct tcp_info *info, unsigned mark)
{
    return info->tcpi_state == STATE_CLOSE && info->tcpi_data_segs_out == 0 &&
           (info->tcpi_snd_mss == mark || info->tcpi_snd_mss == mark - TIMESTAMPS_LEN);
}

bool mps_marks_synack_is(int fd, unsigned mark)
{
    struct tcp_info info;

    return read_info(fd, &info) && answered(&info, mark);
}

bool mps_marks_possible(int fd, unsigned mark)
{
    int mss = 0;
    socklen_t len = sizeof(mss);

    /* After a reset the answer is what this side announced. */
    return get_option(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, &len) < 0 || mss == (int)mark ||
           mss == (int)(mark - TIMESTAMPS_LEN) || mss == MPS_MARK_CONNECT;
}

bool mps_marks_untouched(int fd)
{
    struct tcp_info info;

    return read_info(fd, &info) && untouched(&info);
}

enum mps_marks_view mps_marks_look(int fd, unsigned mark)
{
    struct tcp_info info;

    if (!read_info(fd, &info))
        return MPS_MARKS_NATIVE;
    if (info.tcpi_state == STATE_SYN_SENT || info.tcpi_state == STATE_SYN_RECV)
        return MPS_MARKS_HANDSHAKE;
    if (refused(&info, mark))
        return MPS_MARKS_REFUSED;
    if (!answered(&info, mark))
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

unsigned mps_marks_syn_mss(const unsigned char *syn, unsigned len)
{
    unsigned tcp = tcp_offset(syn, len);
    unsigned end, at;

    if (len - tcp < 20)
        return 0;
    end = tcp + (syn[tcp + 12] >> 4) * 4u;
    if (end > len)
        return 0;
    for (at = tcp + 20; at < end && syn[at] != OPT_END;) {
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

/* The MSS in the saved SYN; `ret_len`: the length of that. */
static unsigned read_syn(int fd, socklen_t *ret_len)
{
    unsigned char syn[512];

    *ret_len = sizeof(syn);
    if (get_option(fd, IPPROTO_TCP, TCP_SAVED_SYN, syn, ret_len) < 0 || *ret_len > sizeof(syn))
        return 0;
    return mps_marks_syn_mss(syn, *ret_len);
}

unsigned mps_marks_saved_syn(int fd)
{
    socklen_t len;

    return read_syn(fd, &len);
}

unsigned mps_marks_accepted(int fd)
{
    socklen_t len, room = sizeof(int);
    unsigned mss = read_syn(fd, &len);
    int saves = 0; /* inherited from the listener */

    if (len == 0 && get_option(fd, IPPROTO_TCP, TCP_SAVE_SYN, &saves, &room) == 0 && saves > 0)
        return MPS_MARK_CONNECT;
    return mss;
}
