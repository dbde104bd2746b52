/* SPDX-License-Identifier: MIT */
#include "preload.h"
#include <errno.h>
#include "claim.h"
#include "exceptions.h"
#include "handover/marks.h"
#include "handover/exchange.h"
#include "handover/sys.h"
#include "tally.h"
#include "interpose/calls/threaded.h"

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
        hint->cookie = mps_exchange_cookie(fd);
        if (hint->cookie != 0)
            atomic_store_explicit(&hint->state, MPS_HINT_PENDING, memory_order_release);
    }
    errno = saved;
}

enum mps_marks_seen mps_pending_look(int fd)
{
    enum mps_marks_seen seen = mps_marks_look(fd);

    if (seen == MPS_MARKS_NATIVE && mps_exceptions_peer_capable(fd) && mps_marks_untouched(fd))
        return MPS_MARKS_ANSWERED;
    return seen;
}

/* What is the state of the hint to be after this look? */
static enum mps_hint_state decide(int fd, const struct mps_claim *claim, bool data, bool drop)
{
    struct mps_hint *hint = claim->hint;

    if (hint->pid != own_pid() || hint->forks != mps_hints_forks() ||
        claim->cookie != mps_exchange_cookie(fd))
        return MPS_HINT_NONE;
    switch (mps_pending_look(fd)) {
    case MPS_MARKS_HANDSHAKE:
        if (!drop && !(data && mps_threaded()))
            return MPS_HINT_PENDING;
        mps_tally_connect(fd, drop ? MPS_PLAIN_SHARED : MPS_PLAIN_USED_EARLY);
        return MPS_HINT_NONE;
    case MPS_MARKS_ANSWERED:
        if (atomic_load_explicit(&hint->overflow, memory_order_relaxed))
            mps_tally_connect(fd, MPS_PLAIN_SHARED);
        else
            (void)mps_swap(
                fd, MPS_HO_CONNECTED,
                atomic_load_explicit(&hint->bound, memory_order_relaxed) ? MPS_HO_BOUND : 0, claim);
        return MPS_HINT_NONE;
    default:
        mps_tally_decided(fd);
        return MPS_HINT_NONE;
    }
}

static void decide_claimed(int fd, bool data, bool drop)
{
    mps_sys_sigset_t mask = mps_sys_block();
    struct mps_claim claim;
    int saved = errno;

    if (mps_claim_pending(fd, &claim))
        mps_claim_end(&claim, decide(fd, &claim, data, drop));
    mps_sys_unblock(mask);
    errno = saved;
}

void mps_pending_decide(int fd, bool data)
{
    decide_claimed(fd, data, false);
}

void mps_pending_keep(int fd)
{
    mps_sys_sigset_t mask = mps_sys_block();
    struct mps_claim claim;

    if (mps_hints_pending(fd) && mps_claim_pending(fd, &claim))
        mps_claim_end(&claim, MPS_HINT_NONE);
    mps_hints_fixed_set(fd);
    mps_sys_unblock(mask);
}

void mps_pending_share(int fd)
{
    struct mps_hint *hint = mps_hints_get(fd);

    if (!hint)
        return;
    if (mps_hints_pending(fd))
        decide_claimed(fd, true, true);
    atomic_store_explicit(&hint->shared, true, memory_order_relaxed);
}
