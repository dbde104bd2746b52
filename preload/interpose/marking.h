/* SPDX-License-Identifier: MIT */
/*
 * When a listener is marked: not by listen(), but by the first call that shows that a program with
 * the preload accepts from it. A program may accept by other means (io_uring, system calls of its
 * own), or leave that to a program without the preload; neither may get connections whose peer
 * sends HELLO.
 *
 * accept() shows it. A call that waits for the listener (poll, select, epoll_ctl) makes it likely:
 * then the listener is marked, so that the first connection is one of ours already, and the kernel
 * drops segments that begin with the magic until accept() was called here. HELLO comes again a
 * little later then, and never to somebody else's accept(). When somebody else's accept() is
 * noticed (doubt.h), the listener is left unmarked. A listener that is duplicated is about to be
 * passed on: it is unmarked, and the next accept() decides.
 *
 * A listener that a program without the preload is started with is put in doubt: the filter is back
 * until accept() is called here. If another process (fork() and exec) will call accept(), it learns
 * of the filter by a number that all processes of the tree share.
 *
 * Async-signal-safe; errno is preserved.
 */
#pragma once
#include <stdbool.h>
#include <sys/select.h>
#include "hints.h"

enum mps_marking {
    MPS_MARKING_NONE,   /* nothing is known */
    MPS_MARKING_WAITS,  /* the agent knows the listener; not marked yet */
    MPS_MARKING_ACCEPT, /* the same, and only accept() marks it */
    MPS_MARKING_DOUBT,  /* marked, with the filter, and watched (doubt.h) */
    MPS_MARKING_DONE,   /* marked; this program accepts */
    MPS_MARKING_LEFT,   /* not to be marked */
};

/* After mps_tally_start(). */
void mps_marking_start(void);

/*
 * The agent knows the listener from now on. A listener that epoll knows already counts as waited
 * for.
 */
void mps_marking_begin(int fd);

/* accept() is about to be called, by whatever means the number got here. */
void mps_marking_accept(int fd);

/* `to` is a duplicate of `from`. */
void mps_marking_duplicated(int from, int to);

/* The listener becomes as the program has made it, for good. */
void mps_marking_leave(int fd);

/*
 * Somebody else has accepted from a listener in doubt. If that was without the preload, the
 * listener is left.
 */
void mps_marking_elsewhere(int fd);

/*
 * A program is about to be started with the environment env and with the descriptors that are
 * inherited; with `all`, perhaps with other descriptors, too.
 */
void mps_marking_pass(char *const env[], bool all);

/* Changes when listeners were passed on, by any process of the tree. */
extern _Atomic uint32_t *mps_marking_passed;

/* Out of line, for those below. */
void mps_marking_doubt(int fd);
void mps_marking_accepted_one(int listener, int conn);

/* After listeners were passed on: those of this process are in doubt again. */
void mps_marking_look(void);

static inline bool mps_marking_is_doubt(int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);

    return hint && atomic_load_explicit(&hint->marking, memory_order_relaxed) == MPS_MARKING_DOUBT;
}

/* fd is waited for; cheap for all that are no listeners. */
static inline void mps_marking_wait(int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);

    if (__builtin_expect(hint && atomic_load_explicit(&hint->marking, memory_order_relaxed) ==
                                     MPS_MARKING_WAITS,
                         0))
        mps_marking_doubt(fd);
}

/* fd was closed. */
static inline void mps_marking_forget(int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);

    if (hint && atomic_load_explicit(&hint->marking, memory_order_relaxed) != MPS_MARKING_NONE)
        atomic_store_explicit(&hint->marking, MPS_MARKING_NONE, memory_order_relaxed);
}

/* accept() on the listener gave conn. */
static inline void mps_marking_accepted(int listener, int conn)
{
    struct mps_hint *hint = mps_hints_find(listener);

    if (hint && (atomic_load_explicit(&hint->filtered, memory_order_relaxed) ||
                 atomic_load_explicit(&hint->passed, memory_order_relaxed) !=
                     atomic_load_explicit(mps_marking_passed, memory_order_relaxed)))
        mps_marking_accepted_one(listener, conn);
}
