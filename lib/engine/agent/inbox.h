/* SPDX-License-Identifier: MIT */
/*
 * Calls for the thread of a loop, from any thread, run in the order in which they were posted. The
 * only way by which the threads of an agent speak to each other.
 */
#pragma once
#include <ev.h>
#include <pthread.h>
#include <stdbool.h>
#include "core/base/list.h"

/* Embedded in what it is about, which stays where it is until run() was called. */
struct mps_call {
    struct mps_list link;
    void (*run)(struct mps_call *self); /* may free what it is embedded in, or post it again */
};

#define MPS_INBOX_OFFERS 512

struct mps_inbox {
    struct ev_loop *loop;
    ev_async async;
    pthread_mutex_t lock; /* of the two below */
    struct mps_list calls;
    unsigned n;              /* posted, and not run to the end */
    void (*ran)(void *user); /* after a batch, while it still counts as waiting; may be NULL */
    void *user;
};

void mps_inbox_init(struct mps_inbox *self, struct ev_loop *loop, void (*ran)(void *user),
                    void *user);
/* Nothing waits in it any more. */
void mps_inbox_deinit(struct mps_inbox *self);

/* For calls whose number is bounded by something else. Any thread. */
void mps_inbox_post(struct mps_inbox *self, struct mps_call *call);

/* For others: false if MPS_INBOX_OFFERS wait already. Any thread. */
bool mps_inbox_offer(struct mps_inbox *self, struct mps_call *call);

/* How many were posted and have not run to the end. Any thread. */
unsigned mps_inbox_waiting(struct mps_inbox *self);

/* Run what waits: in the loop's thread, or when that has ended. */
void mps_inbox_drain(struct mps_inbox *self);
