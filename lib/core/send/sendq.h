/* SPDX-License-Identifier: MIT */
/*
 * The application's bytes, from the first one not released (head) to the last one taken (tail),
 * addressed by DSN. They stay until mps_sendq_release (invariant I4).
 *
 * Storage is a row of chunks of 64 KiB, so finding a byte is O(1). An empty queue holds no memory.
 * What a subflow is still writing is pinned: a pinned chunk outlives its release, so that a slow
 * subflow neither reads freed memory nor keeps the send buffer full.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/list.h"
#include "core/base/mem.h"
#include "core/base/span.h"

#define MPS_SENDQ_CHUNK 65536u

struct mps_sendq_chunk; /* private */

struct mps_sendq {
    const struct mps_mem *mem;
    uint64_t limit;
    uint64_t head, tail;
    uint64_t base;                 /* DSN of the first byte of the first chunk */
    struct mps_sendq_chunk **ring; /* ring_size entries (0 or a power of two) */
    uint32_t ring_size, first, n_chunks;
    struct mps_sendq_chunk *spare; /* one recycled chunk, only while the queue is not empty */
    struct mps_list orphans;       /* released chunks that are still pinned */
};

/* A range of bytes that is kept in memory; private but for `spans`, which stay valid. */
struct mps_sendq_pin {
    struct mps_sendq_chunk *chunk[2];
    struct mps_span spans[2];
    unsigned n; /* spans used, 0: nothing is pinned */
};

/* An empty queue whose first byte has DSN 0. `limit`: bytes held at most. */
void mps_sendq_init(struct mps_sendq *q, const struct mps_mem *mem, uint64_t limit);

/* Free everything; pins become invalid and must not be released any more. */
void mps_sendq_deinit(struct mps_sendq *q);

/* May be below the present size: nothing is dropped, there is no space until the size is below. */
void mps_sendq_set_limit(struct mps_sendq *q, uint64_t limit);

/*
 * The place of the next bytes: the rest of the current chunk within the limit, empty if the limit
 * is reached. Valid until the next verb on the queue. 0, MPS_ENOMEM (nothing has changed).
 */
int mps_sendq_space(struct mps_sendq *q, struct mps_span *ret);

/* Would mps_sendq_space take MPS_SENDQ_CHUNK bytes of memory? */
bool mps_sendq_is_at_end(const struct mps_sendq *q);

/*
 * The first n bytes of that space are filled now; n is at most its length (clamped). Call it with 0
 * if nothing came, so that an empty queue gives the place back.
 */
void mps_sendq_commit(struct mps_sendq *q, size_t n);

uint64_t mps_sendq_tail(const struct mps_sendq *q); /* DSN of the next byte to come */
uint64_t mps_sendq_size(const struct mps_sendq *q); /* tail - head */

/*
 * The spans that cover [dsn, dsn + len) cut to what is held, in order; returns how many. If `max`
 * do not reach, the first `max` are given. Valid until a release beyond dsn.
 */
unsigned mps_sendq_spans(const struct mps_sendq *q, uint64_t dsn, uint64_t len,
                         struct mps_span *spans, unsigned max);

/*
 * Keep [dsn, dsn + len) in memory until mps_sendq_unpin; len is at most MPS_SENDQ_CHUNK (one DSS
 * payload always fits). Allocates nothing. 0; MPS_EINVAL if the range is not wholly held or is
 * too long. len 0 pins nothing. Every pin holds at most two chunks, outside the limit.
 */
int mps_sendq_pin(struct mps_sendq *q, uint64_t dsn, uint64_t len, struct mps_sendq_pin *ret);
void mps_sendq_unpin(struct mps_sendq *q, struct mps_sendq_pin *pin);

/*
 * Bytes below up_to are not needed any more; beyond the tail (DATA_FIN) counts as the tail, below
 * the head is ignored. Chunks wholly below are freed.
 */
void mps_sendq_release(struct mps_sendq *q, uint64_t up_to);

/* NULL, or what is broken: every function above keeps it whole. Walks it all. */
const char *mps_sendq_check(const struct mps_sendq *q);
