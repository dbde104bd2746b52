/* SPDX-License-Identifier: MIT */
/*
 * What is remembered per descriptor number: that a marked connect() awaits decision, and where the
 * number was registered with epoll. These are hints only: numbers are closed and reused without our
 * seeing it, so whoever uses a hint checks it against the kernel. No lock, no malloc;
 * async-signal-safe.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

#define MPS_HINT_EPOLLS 4 /* registrations remembered per descriptor */

enum mps_hint_state {
    MPS_HINT_NONE = 0,
    MPS_HINT_PENDING,   /* connect() was marked, nothing is decided */
    MPS_HINT_CLAIMED,   /* one thread hands it over (claim.h) */
    MPS_HINT_EXCHANGED, /* and is just putting the new socket in its place */
};

struct mps_hint_epoll {
    atomic_int key; /* epoll descriptor + 1; 0: free */
    atomic_uint events;
    _Atomic uint64_t data;
};

struct mps_hint {
    atomic_int state;          /* enum mps_hint_state, and who claims it (claim.c) */
    atomic_bool overflow;      /* a registration was not remembered */
    atomic_bool shared;        /* never to be swapped: duplicated */
    atomic_bool fixed;         /* the same, nor marked: an option of handover/binding.h is set */
    atomic_bool bound;         /* connect() found it bound to an address */
    atomic_bool tcp;           /* made by socket() as a TCP socket */
    atomic_bool fast_open;     /* TCP_FASTOPEN_CONNECT was set or cleared by the program */
    atomic_bool ours;          /* swapped: the application's end of a connection of ours */
    atomic_bool own_reuseport; /* SO_REUSEPORT on it is ours, not the program's */
    atomic_bool own_save_syn;  /* the same of TCP_SAVE_SYN */
    atomic_bool lent;          /* an agent may have a copy (lent.h) */
    atomic_bool filtered;      /* a listener that had the filter of marking.h, or may have had */
    atomic_int marking;        /* enum mps_marking of a listener */
    atomic_uint passed;        /* mps_marking_passed when it was looked at for the filter */
    atomic_int plain;          /* enum mps_plain_reason: why a listener is not marked; of any other
                                  socket: its connection is counted */
    atomic_int listener;       /* process that made it a listener the agent knows; 0: none */
    atomic_int pid;            /* who called connect(), or claims it; written before the state */
    unsigned forks;            /* mps_hints_forks() at that time */
    uint64_t cookie;           /* SO_COOKIE of the socket */
    struct mps_hint_epoll epolls[MPS_HINT_EPOLLS];
};

/* The hints of fd, NULL if it never had any. */
struct mps_hint *mps_hints_find(int fd);

/* The same, made on demand; NULL if fd is out of range or there is no memory. */
struct mps_hint *mps_hints_get(int fd);

/* The number stands for another file from now on: forget everything. */
void mps_hints_forget(int fd);

/* fd was made by socket() as a TCP socket. */
void mps_hints_tcp_set(int fd);

/* fd stays native for good. */
void mps_hints_fixed_set(int fd);
bool mps_hints_is_fixed(int fd);

/* fd was swapped, or is TCP again. */
void mps_hints_ours_set(int fd, bool ours);

/* epoll_ctl() succeeded. */
void mps_hints_epoll_set(int epfd, int fd, const struct epoll_event *event);
void mps_hints_epoll_unset(int epfd, int fd);

/* fd is a listener that the agent knows, with a SO_REUSEPORT of ours or not. */
void mps_hints_listener_set(int fd, bool own_reuseport);

/* conn was accepted from listener, and has what we set on that. */
void mps_hints_accepted(int listener, int conn);

/* Is there, or was there, any such listener? */
bool mps_hints_any_listener(void);

/* Did this process make fd a listener that the agent knows? One load for all other descriptors. */
bool mps_hints_is_own_listener(int fd);

/* Number of fork() calls so far; a hint from before the last one is void. */
unsigned mps_hints_forks(void);
void mps_hints_count_fork(void);

/* The lowest number from `first` on whose state is not MPS_HINT_NONE; -1: there is none. */
int mps_hints_next_pending(unsigned first);

/* The lowest number from `first` on whose `marking` is not MPS_MARKING_NONE; -1: there is none. */
int mps_hints_next_marking(unsigned first);

/* Is a decision due? The fast path of most wrappers. */
static inline bool mps_hints_pending(int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);

    return hint && atomic_load_explicit(&hint->state, memory_order_acquire) != MPS_HINT_NONE;
}

static inline bool mps_hints_is_ours(int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);

    return hint && atomic_load_explicit(&hint->ours, memory_order_relaxed);
}
