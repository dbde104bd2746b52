/* SPDX-License-Identifier: MIT */
/*
 * Memory for receiving that all connections of a thread share: what they read into, and what is kept
 * for the time when there is no other. A subflow whose next frame finds no memory waits: it is not
 * read meanwhile, so that TCP holds its peer back, and what was read behind the head of that frame
 * stays in `held`. There is one such place: while it is taken, all others read no further than to
 * the end of a head or payload, and never have anything left over.
 */
#pragma once
#include <stdint.h>
#include "reasm.h"

struct mps_subflow;

/* What is read beyond the current payload is copied, so it need not be more. */
#define MPS_SCRATCH 4096

struct mps_rxmem {
    uint8_t scratch[MPS_SCRATCH]; /* from mps_subflow_rx_spans to the mps_subflow_rx_done that follows */
    const struct mps_subflow *holder; /* whose bytes are in `held`; NULL: nobody's */
    uint32_t held_at, held_len;
    uint8_t held[MPS_SCRATCH];
    struct mps_reasm_reserve reserve;
};
