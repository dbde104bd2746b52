/* SPDX-License-Identifier: MIT */
/*
 * Runs of data sent and not yet DATA_ACKed, in DSN order: who carries what since when, and what
 * waits for reinjection. The bytes themselves are in the send queue (sendq.h).
 *
 * A run is what one DSS frame carried (a mapping, RFC 6824 section 3.3.1). It is repeated whole and
 * dropped whole: a run that is acknowledged in part stays as it is until all of it is acknowledged.
 *
 * A run may also be set aside: it has its place in the stream before it was sent for the first
 * time.
 *
 * Slots 0..31 name subflows. Lengths and sums are in data sequence space: DATA_FIN counts as one.
 * A run pointer is valid until the run is acknowledged. The queue itself must not move.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/list.h"
#include "core/base/mem.h"
#include "core/base/time.h"
#include "core/trace/trace.h"

#define MPS_RTXQ_SLOTS 32

struct mps_run {
    struct mps_list node;    /* all runs, DSN order */
    struct mps_list waiting; /* runs queued for reinjection, DSN order */
    uint64_t dsn;
    uint32_t len;  /* payload bytes */
    bool fin;      /* DATA_FIN follows the payload */
    bool queued;   /* for reinjection, or for the first time on the way */
    uint8_t cause; /* of that: enum mps_cause */
    uint8_t first_slot, last_slot;
    uint32_t carriers; /* mask of slots that carry it */
    uint32_t times_sent;
    uint32_t
        expected_us; /* from its first sending to its acknowledgment, as foreseen; 0: unknown */
    mps_time_t last_sent;
    uint64_t last_end; /* where its last frame ends on the subflow of last_slot (arrived.h) */
};

/* First DSN behind the run. */
static inline uint64_t mps_run_end(const struct mps_run *run)
{
    return run->dsn + run->len + (run->fin ? 1 : 0);
}

struct mps_rtxq {
    const struct mps_mem *mem;
    struct mps_list runs, waiting;
    struct mps_list recycled; /* bounded; freed when the queue is empty */
    uint32_t n_runs, n_recycled;
    uint64_t head, tail; /* first DSN of the first run; behind the last run */
    bool fin;            /* a run with DATA_FIN was added: nothing can follow */
    uint64_t outstanding[MPS_RTXQ_SLOTS];
    uint64_t aside;       /* bytes of the runs that were not sent yet */
    struct mps_run spare; /* for when there is no memory: what is sent frees some at last */
    bool spare_taken;
};

/* An empty queue; the first run starts at DSN 0. */
void mps_rtxq_init(struct mps_rtxq *q, const struct mps_mem *mem);
void mps_rtxq_deinit(struct mps_rtxq *q);

/*
 * A new run, just sent on `slot`. It starts at mps_rtxq_tail. 0; MPS_EINVAL if it is not
 * contiguous, is empty (neither payload nor FIN), follows a FIN or slot > 31; MPS_ENOMEM, but never
 * for the only run. `ret_run` may be NULL.
 */
int mps_rtxq_add(struct mps_rtxq *q, uint64_t dsn, uint32_t len, bool fin, unsigned slot,
                 mps_time_t now, struct mps_run **ret_run);

/* The same without FIN and not sent yet: queued for mps_rtxq_next_reinject. */
int mps_rtxq_set_aside(struct mps_rtxq *q, uint64_t dsn, uint32_t len);

/* Bytes set aside that were not sent yet. */
uint64_t mps_rtxq_aside(const struct mps_rtxq *q);

/*
 * Drop the runs that end at or below data_ack; returns the sum of their lengths. The caller has
 * checked that data_ack is not above what was sent; an old one does nothing.
 */
uint64_t mps_rtxq_ack(struct mps_rtxq *q, uint64_t data_ack);

/* `slot` is gone: nobody is its carrier now. Runs without carrier are queued for reinjection. */
void mps_rtxq_slot_lost(struct mps_rtxq *q, unsigned slot);

/*
 * Queue the runs that only slots of `stale_mask` carry; these stay their carriers. To be repeated
 * after mps_rtxq_slot_lost, which may leave runs to stale slots. O(runs).
 */
void mps_rtxq_slots_stale(struct mps_rtxq *q, uint32_t stale_mask);

/*
 * Slots of `mask` make progress again: runs they carry need no reinjection any more (also those
 * queued by mps_rtxq_requeue). O(runs queued).
 */
void mps_rtxq_slots_recovered(struct mps_rtxq *q, uint32_t mask);

/*
 * Queue one run, which a path with losses holds up; one that is queued already stays. Cheap near
 * both ends.
 */
void mps_rtxq_requeue(struct mps_rtxq *q, struct mps_run *run);

/*
 * Queued run of the lowest DSN, sent before or set aside; NULL if none. It stays queued until
 * mps_rtxq_sent_again.
 */
struct mps_run *mps_rtxq_next_reinject(const struct mps_rtxq *q);

/* The run was sent on `slot` (0..31) too; it is not queued any more. */
void mps_rtxq_sent_again(struct mps_rtxq *q, struct mps_run *run, unsigned slot, mps_time_t now);

/* DSN behind the last run. */
uint64_t mps_rtxq_tail(const struct mps_rtxq *q);
uint32_t mps_rtxq_count(const struct mps_rtxq *q);

/* Walking the runs in DSN order; NULL at the end. */
struct mps_run *mps_rtxq_first(const struct mps_rtxq *q);
struct mps_run *mps_rtxq_last(const struct mps_rtxq *q);
struct mps_run *mps_rtxq_next(const struct mps_rtxq *q, const struct mps_run *run);

/* Sum of the lengths of the runs that `slot` carries. O(1). */
uint64_t mps_rtxq_outstanding(const struct mps_rtxq *q, unsigned slot);

/* NULL, or what is broken: every function above keeps it whole. Walks it all. */
const char *mps_rtxq_check(const struct mps_rtxq *q);
