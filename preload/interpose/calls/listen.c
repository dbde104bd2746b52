/* SPDX-License-Identifier: MIT */
#include "interpose/preload.h"
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "handover/ask.h"
#include "interpose/exceptions.h"
#include "handover/marks.h"
#include "handover/share.h"
#include "handover/sys.h"
#include "interpose/lent.h"
#include "interpose/marking.h"
#include "interpose/netns.h"
#include "interpose/tally.h"

/* sd_listen_fds(3) */
#define FIRST_PASSED 3
#define PASSED_MAX   4096 /* more are no descriptors, but a mistake */

/* Between the two options of a mark lies one system call; so many are more than that lasts. */
#define MARKING_LOOKS 100

#define MSS_UNSET 536 /* what a socket answers before its handshake if TCP_MAXSEG was not set */

/* A request about a listener; true if the agent says OK. */
static bool ask(enum mps_ho_op op, unsigned flags, const void *addr, socklen_t len, int fd)
{
    const struct mps_ho_listener about = {
        .op = op, .flags = flags, .fd = fd, .local = addr, .local_len = len};

    return mps_ho_ask_listener(mps_preload_config(), &about);
}

MPS_EXPORT int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    int rc = mps_next.bind(fd, addr, len);

    if (rc == 0 || errno != EADDRINUSE || !mps_preload_config() || !mps_preload_is_tcp(fd))
        return rc;
    if (ask(MPS_HO_RECHECK, 0, addr, len, -1))
        return mps_next.bind(fd, addr, len);
    errno = EADDRINUSE;
    return -1;
}

static bool is_left_port(int fd)
{
    struct sockaddr_storage local;
    socklen_t len = sizeof(local);
    int saved = errno;
    bool left = mps_sys_getsockname(fd, &local, &len) == 0 &&
                mps_exceptions_left_port(mps_exceptions_port_of((struct sockaddr *)&local, len));

    errno = saved;
    return left;
}

/* May the socket be marked? `listening`: which of the two it has to be. */
static bool wants_marks(int fd, int listening)
{
    int saves, mss;

    if (!mps_preload_config() || mps_exceptions_left_alone() || !mps_preload_is_tcp(fd) ||
        mps_hints_is_fixed(fd) || is_left_port(fd) ||
        mps_preload_option(fd, IPPROTO_IP, IP_TRANSPARENT, 0) != 0 ||
        mps_preload_option(fd, SOL_SOCKET, SO_ACCEPTCONN, !listening) != listening ||
        mps_preload_option(fd, SOL_SOCKET, SO_ZEROCOPY, 0) != 0 || mps_netns_is_foreign(fd))
        return false;
    /*
     * In the order in which they are set: another process that shares the listener may mark it just
     * now, and its TCP_SAVE_SYN must not look like one of the program. So that is looked at again.
     */
    saves = mps_preload_option(fd, IPPROTO_TCP, TCP_SAVE_SYN, 1);
    mss = mps_preload_option(fd, IPPROTO_TCP, TCP_MAXSEG, 0);
    for (int i = 0; i < MARKING_LOOKS && saves == 1 && mss == MSS_UNSET; i++) {
        sched_yield();
        mss = mps_preload_option(fd, IPPROTO_TCP, TCP_MAXSEG, 0);
    }
    if (mss != MSS_UNSET && mss != MPS_MARK_CONNECT && mss != MPS_MARK_LISTEN)
        return false;
    return saves == 0 || mss == MPS_MARK_LISTEN;
}

/* As the program made it. */
static void unmark(int fd, bool shared)
{
    (void)mps_preload_set_option(fd, IPPROTO_TCP, TCP_MAXSEG, 0);
    (void)mps_preload_set_option(fd, IPPROTO_TCP, TCP_SAVE_SYN, 0);
    if (shared)
        (void)mps_preload_set_option(fd, SOL_SOCKET, SO_REUSEPORT, 0);
}

void mps_listen_unmark(int fd)
{
    if (mps_hints_is_own_listener(fd))
        mps_marking_leave(fd);
}

void mps_listen_clear(int fd)
{
    unmark(fd, false);
}

bool mps_listen_is_marked(int fd)
{
    return mps_preload_option(fd, IPPROTO_TCP, TCP_MAXSEG, 0) == MPS_MARK_LISTEN &&
           mps_preload_option(fd, SOL_SOCKET, SO_ACCEPTCONN, 0) == 1;
}

bool mps_listen_may_mark(int fd)
{
    return wants_marks(fd, 1);
}

/* Tell the agent; false if it does not take joins for this listener. */
static bool announce(int fd, bool shared, unsigned flags)
{
    struct sockaddr_storage local;
    socklen_t len = sizeof(local);
    int saved = errno;
    bool done = mps_sys_getsockname(fd, &local, &len) == 0 &&
                ask(MPS_HO_LISTEN, flags | (shared ? MPS_HO_STEER : 0), &local, len, fd);

    errno = saved;
    return done;
}

static enum mps_plain_reason why_unmarked(int fd)
{
    if (mps_exceptions_left_alone() || is_left_port(fd))
        return MPS_PLAIN_LEFT_ALONE;
    return mps_netns_is_foreign(fd) ? MPS_PLAIN_NAMESPACE : MPS_PLAIN_OPTION;
}

MPS_EXPORT int listen(int fd, int backlog)
{
    bool shared;
    int rc;

    if (!wants_marks(fd, 0)) {
        mps_tally_listener(fd, why_unmarked(fd));
        return mps_next.listen(fd, backlog);
    }
    shared = mps_share_begin(fd) > 0;
    rc = mps_next.listen(fd, backlog);
    if (rc == 0 && announce(fd, shared, 0)) {
        mps_hints_listener_set(fd, shared);
        mps_marking_begin(fd);
        return rc;
    }
    if (shared)
        (void)mps_preload_set_option(fd, SOL_SOCKET, SO_REUSEPORT, 0);
    if (rc == 0)
        mps_tally_listener(fd, MPS_PLAIN_NO_AGENT);
    return rc;
}

bool mps_listen_announce(int fd)
{
    if (!wants_marks(fd, 1) || !announce(fd, false, mps_ho_no_wait(fd)))
        return false;
    mps_hints_listener_set(fd, false);
    return true;
}

/*
 * sd_listen_fds(3): listeners that whoever started the program has made. Their port cannot be
 * shared any more, so that joins come to a port of the agent's own. One that carries the mark is
 * known already.
 */
void mps_listen_take_over(const char *pid, const char *count)
{
    long n =
        pid && count && strtol(pid, NULL, 10) == syscall(SYS_getpid) ? strtol(count, NULL, 10) : 0;

    for (int fd = FIRST_PASSED; fd < FIRST_PASSED + n && n <= PASSED_MAX; fd++) {
        if (!wants_marks(fd, 1) ||
            mps_preload_option(fd, IPPROTO_TCP, TCP_MAXSEG, 0) == MPS_MARK_LISTEN)
            continue;
        if (announce(fd, false, 0)) {
            mps_hints_listener_set(fd, false);
            mps_marking_begin(fd);
        }
    }
}

/*
 * A listener has stopped to listen: the agent leaves the port at once, so that the next connect()
 * to it is refused. Without this, as after exit(), the agent finds out by itself a little later.
 */
static void recheck(void)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    int saved = errno;

    (void)ask(MPS_HO_RECHECK, MPS_HO_NONBLOCK, &none, sizeof(none), -1);
    errno = saved;
}

MPS_EXPORT int close(int fd)
{
    bool listener = mps_hints_is_own_listener(fd);
    int rc;

    mps_claim_leave(fd);
    mps_lent_leave(fd);
    rc = mps_next.close(fd);

    if (rc == 0)
        mps_marking_forget(fd);
    if (__builtin_expect(listener && rc == 0, 0)) {
        mps_hints_forget(fd);
        recheck();
    }
    return rc;
}

MPS_EXPORT int shutdown(int fd, int how)
{
    int rc;

    mps_decide(fd, true);
    rc = mps_next.shutdown(fd, how);
    if (__builtin_expect(rc == 0 && how != SHUT_WR && mps_hints_is_own_listener(fd), 0))
        recheck();
    return rc;
}
