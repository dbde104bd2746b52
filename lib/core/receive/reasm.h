/* SPDX-License-Identifier: MIT */
/*
 * Reassembly in data sequence space: payloads arrive on all subflows in any order, overlapping and
 * repeated; the reader gets each byte once, in order.
 *
 * The payload of one frame lands in a chunk of its own: mps_reasm_alloc, fill chunk->data,
 * mps_reasm_insert. The reader sees nothing of it before that, so a payload that is incomplete or
 * fails its check is abandoned without trace; unless its beginning, which the reader waits for
 * and no MAC covers, is inserted early (mps_reasm_cut). If a byte comes twice, the copy that
 * is inserted first counts.
 *
 * Memory (I3): large payloads are kept as they came; small ones are copied into shared blocks that
 * cover at most 4 KiB of sequence space and note in a bitmap which bytes are there. So the
 * allocated memory is bounded by the range of sequence space in use, not by the number of frames:
 *   allocated <= 2 * (highest DSN inserted - DSN of the reader) + MPS_REASM_SLACK
 *                + chunks between alloc and insert.
 * Where there is no memory for a copy, a payload stays in its own chunk, whatever that wastes: a
 * payload that has found a chunk is never lost. The caller refuses what is beyond the credit it
 * granted before it allocates.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/list.h"
#include "core/base/mem.h"
#include "core/base/span.h"

#define MPS_REASM_SLACK   131072u
#define MPS_REASM_HINTS   4
#define MPS_REASM_RESERVE 61440u /* the largest payload of a frame */

struct mps_reasm_chunk {
    struct mps_list node;
    uint64_t dsn;     /* first DSN covered */
    uint32_t len;     /* sequence space covered */
    uint32_t size;    /* of the allocation */
    uint64_t *bitmap; /* shared block: which bytes are there; NULL: all */
    uint8_t *data;    /* len bytes; after mps_reasm_alloc: for the caller to fill */
};

/* One chunk, for when there is no memory for any; several queues may share it. Zeroed at first. */
struct mps_reasm_reserve {
    bool taken;
    struct mps_reasm_chunk chunk;
    uint8_t bytes[MPS_REASM_RESERVE];
};

struct mps_reasm {
    const struct mps_mem *mem;
    struct mps_reasm_reserve *reserve; /* NULL: none; set after mps_reasm_init */
    struct mps_list chunks;            /* by DSN, disjoint */
    uint64_t read;                     /* DSN of the reader's next byte */
    uint64_t next;                     /* first DSN missing */
    uint64_t stored;                   /* bytes present, from `read` on */
    uint64_t allocated;                /* of all chunks, inserted or not, without the reserve */
    struct mps_reasm_chunk *hints[MPS_REASM_HINTS]; /* chunks near recent insertions */
    unsigned next_hint;
};

/* Empty; the first byte expected has DSN 0. */
void mps_reasm_init(struct mps_reasm *r, const struct mps_mem *mem);

/* Free what was inserted; the caller abandons its own chunks before. */
void mps_reasm_deinit(struct mps_reasm *r);

/*
 * A chunk for the payload [dsn, dsn + len) of one frame; the caller owns it until insert or
 * abandon. 0, MPS_ENOMEM; MPS_EINVAL for len 0 or a range that leaves the sequence space.
 */
int mps_reasm_alloc(struct mps_reasm *r, uint64_t dsn, uint32_t len,
                    struct mps_reasm_chunk **ret_chunk);

/* The same from the reserve. MPS_ENOMEM: it is taken, or there is none. */
int mps_reasm_alloc_reserve(struct mps_reasm *r, uint64_t dsn, uint32_t len,
                            struct mps_reasm_chunk **ret_chunk);

/* Take the filled chunk over. *ret_new: how many of its bytes were not there yet. */
void mps_reasm_insert(struct mps_reasm *r, struct mps_reasm_chunk *chunk, uint64_t *ret_new);

/*
 * The first n bytes of a chunk that is being filled, which are there, become a chunk of their own;
 * 0 < n < chunk->len. What is left keeps its place. 0, MPS_ENOMEM (nothing has changed).
 */
int mps_reasm_cut(struct mps_reasm *r, struct mps_reasm_chunk *chunk, uint32_t n,
                  struct mps_reasm_chunk **ret_first);

/* How many of the next n bytes are missing, up to the first one that is there. */
uint32_t mps_reasm_hole(const struct mps_reasm *r, uint32_t n);

/*
 * The first n bytes of a chunk, which is not filled, went to the reader by another way: it starts
 * at mps_reasm_next, nothing is held in order, and all n bytes were missing. What is left of the
 * chunk, maybe nothing, keeps its place.
 */
void mps_reasm_bypass(struct mps_reasm *r, struct mps_reasm_chunk *chunk, uint32_t n);

/* Drop a chunk that was not inserted. NULL is fine. */
void mps_reasm_abandon(struct mps_reasm *r, struct mps_reasm_chunk *chunk);

/* First DSN missing: what DATA_ACK says, DATA_FIN apart. */
uint64_t mps_reasm_next(const struct mps_reasm *r);

/* In-order bytes for the reader; returns the number of spans. Valid until insert or consume. */
unsigned mps_reasm_spans(const struct mps_reasm *r, struct mps_span *spans, unsigned max);

/* The reader took n bytes, at most mps_reasm_in_order (clamped). */
void mps_reasm_consume(struct mps_reasm *r, uint64_t n);

/* Bytes held, in order and behind a hole. O(1). */
uint64_t mps_reasm_in_order(const struct mps_reasm *r);
uint64_t mps_reasm_out_of_order(const struct mps_reasm *r);

/*
 * NULL, or what is broken: every function above keeps it whole. `pending`: memory of the chunks
 * that the caller owns, those of the reserve apart. Walks it all.
 */
const char *mps_reasm_check(const struct mps_reasm *r, uint64_t pending);
