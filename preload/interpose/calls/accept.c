/* SPDX-License-Identifier: MIT */
/*
 * accept(): what the SYN asked for decides whether the program gets the connection, its end of one
 * of ours, or nothing.
 */
#include "interpose/preload.h"
#include <errno.h>
#include <poll.h>
#include <sys/time.h>
#include "interpose/exceptions.h"
#include "handover/ask.h"
#include "handover/exchange.h"
#include "handover/marks.h"
#include "handover/sys.h"
#include "interpose/marking.h"
#include "interpose/tally.h"

#define DISCARD_LEN (1 << 30) /* more than any receive buffer holds */

/* Is a connection waiting now, so that the program's accept() returns at once? */
static bool is_waiting(int listener)
{
    struct pollfd pfd = {.fd = listener, .events = POLLIN};
    int saved = errno;
    bool waiting = mps_sys_poll(&pfd, 1, 0) > 0;

    errno = saved;
    return waiting;
}

/*
 * May accept() be called once more, after what the first call brought was taken away? A call that
 * found nothing waiting waits on, as it would if the connection had not come. One that `found`
 * something would have returned by now (the program may know that from select()); with a time
 * limit, the second call would begin it anew. Without O_NONBLOCK such a call must not be repeated,
 * even if more is waiting: another thread may get that first.
 */
static bool may_repeat(int listener, bool found)
{
    struct timeval limit = {0};
    socklen_t len = sizeof(limit);
    int saved = errno;
    bool may =
        mps_ho_no_wait(listener) != 0 ||
        (!found && mps_sys_getsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, &len) == 0 &&
         limit.tv_sec == 0 && limit.tv_usec == 0);

    errno = saved;
    return may;
}

/* A missed join: its sender sees that this is not the agent. The program would read an end. */
static void end_join(int fd)
{
    int saved = errno;

    (void)mps_sys_shutdown(fd, SHUT_RDWR);
    (void)mps_sys_recv(fd, NULL, DISCARD_LEN, MSG_TRUNC | MSG_DONTWAIT);
    errno = saved;
}

static unsigned swap_flags(int listener)
{
    unsigned flags = mps_ho_no_wait(listener);

    if (mps_exceptions_keep_bound() && mps_preload_is_bound(listener))
        flags |= MPS_HO_BOUND;
    return flags;
}

/*
 * True if the program gets fd, as it is or swapped. Otherwise the connection has ended, by a FIN
 * or a reset; fd is still open.
 */
static bool admit(int listener, int fd)
{
    unsigned mark = mps_marks_accepted(fd);
    struct mps_claim claim;
    mps_sys_sigset_t mask;
    enum mps_exchange_result swap;

    if (mps_mark_is_join(mark)) {
        end_join(fd);
        return false;
    }
    if (mark != MPS_MARK_CONNECT && !mps_exceptions_peer_capable(fd)) {
        mps_tally_accepted(listener, fd);
        return true;
    }
    mask = mps_sys_block();
    mps_claim_decided(fd, &claim);
    swap = mps_swap(fd, MPS_HO_ACCEPTED, swap_flags(listener), &claim);
    mps_claim_end(&claim, MPS_HINT_NONE);
    mps_sys_unblock(mask);
    if (swap == MPS_EXCHANGE_DONE || swap == MPS_EXCHANGE_GONE)
        return true;
    /* A peer that is only listed may be plain; a marked one had no reply to its HELLO and comes
     * back plain. */
    if (swap == MPS_EXCHANGE_PLAIN && mark != MPS_MARK_CONNECT)
        return true;
    if (swap == MPS_EXCHANGE_PLAIN)
        mps_exchange_reset(fd);
    return false;
}

/* True if the program gets fd: alive, or dead where no other can be waited for. */
static bool give(int listener, int fd, bool found)
{
    int saved = errno;

    if (admit(listener, fd) || !may_repeat(listener, found))
        return true;
    mps_sys_close(fd);
    errno = saved;
    return false;
}

/* Is a connection waiting? */
static bool about_to_accept(int listener)
{
    if (!mps_preload_config())
        return false;
    mps_marking_accept(listener);
    return is_waiting(listener);
}

MPS_EXPORT int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    const socklen_t room = addr && len ? *len : 0;
    const bool found = about_to_accept(fd);

    for (;;) {
        int conn = mps_next.accept(fd, addr, len);

        if (conn < 0)
            return conn;
        mps_hints_accepted(fd, conn);
        mps_marking_accepted(fd, conn);
        if (!mps_preload_config() || give(fd, conn, found))
            return conn;
        if (addr && len)
            *len = room;
    }
}

MPS_EXPORT int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    const socklen_t room = addr && len ? *len : 0;
    const bool found = about_to_accept(fd);

    for (;;) {
        int conn = mps_next.accept4(fd, addr, len, flags);

        if (conn < 0)
            return conn;
        mps_hints_accepted(fd, conn);
        mps_marking_accepted(fd, conn);
        if (!mps_preload_config() || give(fd, conn, found))
            return conn;
        if (addr && len)
            *len = room;
    }
}
