/* SPDX-License-Identifier: MIT */
#include "preload.h"
#include <errno.h>
#include <sys/single_threaded.h>
#include "exceptions.h"
#include "handover/marks.h"
#include "handover/sys.h"
#include "tally.h"

#define WAIT_STEPS 15000 /* of 1 ms: longer than a hand-over can take */

static uint64_t socket_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    return mps_sys_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

static pid_t own_pid(void)
{
    return (pid_t)syscall(SYS_getpid);
}

void mps_pending_start(int fd)
{
    struct mps_hint *hint = mps_hints_get(fd);
    int saved = errno;

    if (hint) {
        hint->pid = own_pid();
        hint->forks = mps_hints_forks();
        hint->cookie = socket_cookie(fd);
        if (hint->cookie != 0)
            atomic_store_explicit(&hint->state, MPS_HINT_PENDING, memory_order_release);
    }
    errno = saved;
}

/* Claim the hint for this thread; false if there is nothing to settle (any more). */
static bool claim(struct mps_hint *hint)
{
    for (int step = 0; step < WAIT_STEPS; step++) {
        int expected = MPS_HINT_PENDING;

        if (atomic_compare_exchange_strong(&hint->state, &expected, MPS_HINT_CLAIMED))
            return true;
        if (expected == MPS_HINT_NONE || hint->pid != own_pid())
            return false;
        (void)mps_sys_poll(NULL, 0, 1);
    }
    return false;
}

enum mps_marks_view mps_pending_look(int fd)
{
    enum mps_marks_view view = mps_marks_look(fd, MPS_MARK_LISTEN);

    if (view == MPS_MARKS_NATIVE && mps_exceptions_peer_capable(fd) && mps_marks_untouched(fd))
        return MPS_MARKS_ANSWERED;
    return view;
}

/* What is the state of the hint to be after this look? */
static enum mps_hint_state settle(int fd, struct mps_hint *hint, bool data, bool drop)
{
    if (hint->pid != own_pid() || hint->forks != mps_hints_forks() ||
        hint->cookie != socket_cookie(fd))
        return MPS_HINT_NONE;
    switch (mps_pending_look(fd)) {
    case MPS_MARKS_HANDSHAKE:
        if (!drop && !(data && !__libc_single_threaded))
            return MPS_HINT_PENDING;
        mps_tally_connect(fd, drop ? MPS_PLAIN_SHARED : MPS_PLAIN_USED_EARLY);
        return MPS_HINT_NONE;
    case MPS_MARKS_ANSWERED:
        if (atomic_load_explicit(&hint->overflow, memory_order_relaxed))
            mps_tally_connect(fd, MPS_PLAIN_SHARED);
        else
            (void)mps_swap(fd, MPS_HO_CONNECTED,
                           atomic_load_explicit(&hint->bound, memory_order_relaxed), hint);
        return MPS_HINT_NONE;
    default:
        mps_tally_settled(fd);
        return MPS_HINT_NONE;
    }
}

static void settle_claimed(int fd, bool data, bool drop)
{
    struct mps_hint *hint = mps_hints_find(fd);
    int saved = errno;
    mps_sys_sigset_t mask;

    if (!hint)
        return;
    mask = mps_sys_block();
    if (claim(hint)) {
        enum mps_hint_state next = settle(fd, hint, data, drop);

        atomic_store_explicit(&hint->state, next, memory_order_release);
    }
    mps_sys_unblock(mask);
    errno = saved;
}

void mps_pending_settle(int fd, bool data)
{
    settle_claimed(fd, data, false);
}

void mps_pending_keep(int fd)
{
    struct mps_hint *hint = mps_hints_get(fd);
    int saved = errno;

    if (!hint)
        return;
    if (mps_hints_pending(fd) && claim(hint))
        atomic_store_explicit(&hint->state, MPS_HINT_NONE, memory_order_release);
    mps_hints_fixed_set(fd);
    errno = saved;
}

void mps_pending_share(int fd)
{
    struct mps_hint *hint = mps_hints_get(fd);

    if (!hint)
        return;
    if (mps_hints_pending(fd))
        settle_claimed(fd, true, true);
    atomic_store_explicit(&hint->shared, true, memory_order_relaxed);
}
