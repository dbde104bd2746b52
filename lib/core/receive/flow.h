/* SPDX-License-Identifier: MIT */
/*
 * Flow control in data sequence space, both ways. Credit is absolute: the first DSN that may not
 * be sent. It never shrinks, so repeated, lost or reordered announcements are harmless.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/time.h"

struct mps_flow {
    /* What the peer lets us send, and the most of it that was ahead of what it had. */
    uint64_t limit;
    uint64_t limit_span;
    /* What we let the peer send: announced <= granted, granted - consumed <= window_max. */
    uint64_t announced;
    uint64_t granted;
    uint64_t consumed; /* bytes the application took */
    uint64_t window, window_max;
    /* Window growth: what the application consumed in this epoch of one round-trip time. */
    mps_time_t epoch_start;
    uint64_t epoch_consumed, epoch_before; /* in this one and in the one before */
};

/* The first window is `window`, but not above window_max, and MPS_INITIAL_CREDIT_MIN at least. */
void mps_flow_init(struct mps_flow *f, uint64_t window, uint64_t window_max, mps_time_t now);

/*
 * The peer's announcement, beside that it has all below `acked`. True: there is more credit than
 * before.
 */
bool mps_flow_limit(struct mps_flow *f, uint64_t credit, uint64_t acked);

/* May data up to (not including) DSN `end` arrive? What was granted counts, announced or not. */
bool mps_flow_accepts(const struct mps_flow *f, uint64_t end);

/* The application took n bytes; `rtt` is the largest of the subflows in use, 0: unknown. */
void mps_flow_consume(struct mps_flow *f, uint64_t n, mps_time_t rtt, mps_time_t now);

/* Memory is scarce: the window becomes smaller, down to MPS_INITIAL_CREDIT_MIN. What was granted
 * stays granted. */
void mps_flow_shrink(struct mps_flow *f);

/* Has credit grown so much that the peer should hear of it? `rcv_nxt`: next DSN expected. */
bool mps_flow_should_announce(const struct mps_flow *f, uint64_t rcv_nxt);

/* Is the peer stopped, as far as it knows? */
bool mps_flow_closed(const struct mps_flow *f, uint64_t rcv_nxt);

/* The credit that goes into a frame now. */
uint64_t mps_flow_announce(struct mps_flow *f);

/* NULL, or what is broken: every function above keeps it whole. Walks it all. */
const char *mps_flow_check(const struct mps_flow *f);
