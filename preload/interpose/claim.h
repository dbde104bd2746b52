/* SPDX-License-Identifier: MIT */
/*
 * A claim decides who may put another socket in the place of a number. A hand-over takes time;
 * meanwhile another thread may close the number, and the kernel may give the number to a file. So
 * the hint of a number is claimed for the hand-over. A call that is about to close or reuse the
 * number ends the claim, and the new socket goes nowhere; such a call waits only for the last step,
 * the exchange itself. Before that step the cookie of the socket is compared once more, because
 * numbers are also closed in other ways than by our wrappers. No lock; async-signal-safe; errno is
 * preserved. Claimants block all signals.
 */
#pragma once
#include "hints.h"

struct mps_claim {
    struct mps_hint *hint; /* NULL: there was no memory for it, and the cookie has to do */
    int thread;            /* the claimant's number */
    uint64_t cookie; /* mps_exchange_cookie of the socket that is to be replaced; 0: it is none */
};

/*
 * Claim fd, whose connect() is pending, for this thread; false if there is nothing to decide (any
 * more). While another thread has it, this one waits.
 */
bool mps_claim_pending(int fd, struct mps_claim *ret);

/* Claim fd, which is not pending: just accepted, or a connection of ours. */
void mps_claim_decided(int fd, struct mps_claim *ret);

/*
 * The exchange begins. From here on, calls that want to close or reuse the number wait for
 * mps_claim_end(), so that only system calls that return at once may lie between. False if such a
 * call was faster: the number is no longer ours.
 */
bool mps_claim_commit(const struct mps_claim *self);

/* `next`: what the hint is from now on, unless the claim was ended. */
void mps_claim_end(const struct mps_claim *self, enum mps_hint_state next);

/* fd, or all from first to last, is about to be closed or to become another file. */
void mps_claim_cancel(int fd);
void mps_claim_cancel_range(unsigned first, unsigned last);

/* The same where nothing is claimed: one load. */
static inline void mps_claim_leave(int fd)
{
    if (__builtin_expect(mps_hints_pending(fd), 0))
        mps_claim_cancel(fd);
}
