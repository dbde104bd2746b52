/* SPDX-License-Identifier: MIT */
/*
 * A native socket of which an agent may have a copy. A request that was withdrawn, because the
 * agent did not answer in time, lies in the agent's queue with the program's descriptor until the
 * agent goes on, or ends. Until then the program's close() would neither end the connection nor its
 * registrations with epoll, which go on to report a descriptor that the program has closed.
 * Async-signal-safe; errno is preserved.
 */
#pragma once
#include "hints.h"

/* A request with the socket of this hint, whose cookie is set, was withdrawn. NULL is fine. */
void mps_lent_set(struct mps_hint *hint);

/* fd is about to be closed, and its hint says that it is lent. */
void mps_lent_return(int fd);

static inline void mps_lent_leave(int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);

    if (__builtin_expect(hint && atomic_load_explicit(&hint->lent, memory_order_relaxed), 0))
        mps_lent_return(fd);
}
