/* SPDX-License-Identifier: MIT */
/*
 * Listeners in doubt (marking.h), and the sign that somebody without the preload accepts from one:
 * a connection was seen to wait in its queue, the queue is empty now, and the filter is still
 * there. Only accept() empties the queue, and with the preload accept() takes the filter off first,
 * unless it sleeps while the listener is passed on. A queue that is never found empty shows
 * nothing.
 *
 * The preload looks before and after the calls that wait for a listener; it makes system calls
 * there only while a connection waits on a listener in doubt. No lock, no malloc;
 * async-signal-safe; errno is preserved.
 */
#pragma once
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include "marking.h"

#define MPS_DOUBT_MAX 16 /* more are not watched */

/* A bit for each listener that is watched; false alarms are possible. */
extern atomic_uint mps_doubt_watched;

/* mps_marking_passed when it was last looked at. */
extern atomic_uint mps_doubt_known;

/* Watch fd, which is in doubt from now on, until it is so no more. */
void mps_doubt_add(int fd);

/* Out of line, for those below. */
void mps_doubt_check_all(void);
void mps_doubt_polled_all(const struct pollfd *fds, nfds_t n);
void mps_doubt_selected_all(int n, const fd_set *readable);
void mps_doubt_epolled_all(int epfd, const struct epoll_event *events, int n);

static inline bool mps_doubt_any(void)
{
    return __builtin_expect(atomic_load_explicit(&mps_doubt_watched, memory_order_relaxed) != 0, 0);
}

/* Were listeners passed on since the last time (marking.h)? */
static inline bool mps_doubt_passed(void)
{
    return __builtin_expect(atomic_load_explicit(&mps_doubt_known, memory_order_relaxed) !=
                                atomic_load_explicit(mps_marking_passed, memory_order_relaxed),
                            0);
}

/* A call that waits is about to begin: has a connection gone elsewhere since the last one? */
static inline void mps_doubt_check(void)
{
    if (mps_doubt_any() || mps_doubt_passed())
        mps_doubt_check_all();
}

/* These take what such a call has reported. */
static inline void mps_doubt_polled(const struct pollfd *fds, nfds_t n)
{
    if (mps_doubt_any())
        mps_doubt_polled_all(fds, n);
}

static inline void mps_doubt_selected(int n, const fd_set *readable)
{
    if (readable && mps_doubt_any())
        mps_doubt_selected_all(n, readable);
}

static inline void mps_doubt_epolled(int epfd, const struct epoll_event *events, int n)
{
    if (mps_doubt_any())
        mps_doubt_epolled_all(epfd, events, n);
}
