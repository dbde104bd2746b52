/* SPDX-License-Identifier: MIT */
#include "claim.h"
#include <errno.h>
#include "handover/exchange.h"
#include "handover/sys.h"

#define WAIT_STEPS 15000 /* of 1 ms: longer than a hand-over can take */

/* A word of the hint: its state, and from MPS_HINT_CLAIMED on the thread that has it. */
#define STATE_BITS     2
#define STATE_OF(word) ((enum mps_hint_state)((word) & ((1 << STATE_BITS) - 1)))

static int word_of(int thread, enum mps_hint_state state)
{
    return thread << STATE_BITS | (int)state;
}

static int own_thread(void)
{
    return (int)syscall(SYS_gettid);
}

static int own_pid(void)
{
    return (int)syscall(SYS_getpid);
}

/* Another process's: a fork's copy, or a vfork child shares our memory, not our descriptors. */
static bool is_foreign(struct mps_hint *hint)
{
    return atomic_load_explicit(&hint->pid, memory_order_relaxed) != own_pid();
}

bool mps_claim_pending(int fd, struct mps_claim *ret)
{
    struct mps_hint *hint = mps_hints_find(fd);
    const int thread = own_thread(), mine = word_of(thread, MPS_HINT_CLAIMED);
    int saved = errno;
    bool claimed = false;

    for (int step = 0; hint && step < WAIT_STEPS; step++) {
        int expected = MPS_HINT_PENDING;

        claimed = atomic_compare_exchange_strong(&hint->state, &expected, mine);
        if (claimed || expected == MPS_HINT_NONE || is_foreign(hint))
            break;
        (void)mps_sys_poll(NULL, 0, 1);
    }
    *ret = (struct mps_claim){.hint = hint, .thread = thread, .cookie = claimed ? hint->cookie : 0};
    errno = saved;
    return claimed;
}

void mps_claim_decided(int fd, struct mps_claim *ret)
{
    struct mps_hint *hint = mps_hints_get(fd);

    *ret =
        (struct mps_claim){.hint = hint, .thread = own_thread(), .cookie = mps_exchange_cookie(fd)};
    if (!hint)
        return;
    atomic_store_explicit(&hint->pid, own_pid(), memory_order_relaxed);
    atomic_store_explicit(&hint->state, word_of(ret->thread, MPS_HINT_CLAIMED),
                          memory_order_release);
}

bool mps_claim_commit(const struct mps_claim *self)
{
    int mine = word_of(self->thread, MPS_HINT_CLAIMED);

    return !self->hint || atomic_compare_exchange_strong(&self->hint->state, &mine,
                                                         word_of(self->thread, MPS_HINT_EXCHANGED));
}

void mps_claim_end(const struct mps_claim *self, enum mps_hint_state next)
{
    int claimed = word_of(self->thread, MPS_HINT_CLAIMED);
    int exchanged = word_of(self->thread, MPS_HINT_EXCHANGED);

    if (self->hint && !atomic_compare_exchange_strong(&self->hint->state, &claimed, (int)next))
        (void)atomic_compare_exchange_strong(&self->hint->state, &exchanged, (int)next);
}

void mps_claim_cancel(int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);
    int saved = errno;

    for (int step = 0; hint && step < WAIT_STEPS; step++) {
        int word = atomic_load_explicit(&hint->state, memory_order_acquire);

        if (STATE_OF(word) == MPS_HINT_NONE || is_foreign(hint))
            break;
        if (STATE_OF(word) == MPS_HINT_EXCHANGED)
            (void)mps_sys_poll(NULL, 0, 1);
        else if (atomic_compare_exchange_strong(&hint->state, &word, MPS_HINT_NONE))
            break;
    }
    errno = saved;
}

void mps_claim_cancel_range(unsigned first, unsigned last)
{
    for (int fd = mps_hints_next_pending(first); fd >= 0 && (unsigned)fd <= last;
         fd = mps_hints_next_pending((unsigned)fd + 1))
        mps_claim_cancel(fd);
}
