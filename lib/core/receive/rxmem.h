/* SPDX-License-Identifier: MIT */
/*
 * Memory for receiving that all connections of a thread share: the place that they read into, and a
 * reserve for the time when there is no other memory. A subflow whose next frame finds no memory
 * waits: it is not read meanwhile, so that TCP holds its peer back, and the bytes that were read
 * behind the head of that frame stay in `held`. There is only one such place: while it is taken,
 * all other subflows read no further than to the end of a head or payload, so that nothing is left
 * over.
 */
#pragma once
#include <stdint.h>
#include "reasm.h"

struct mps_subflow;

/* Bytes that are read beyond the current payload are copied, so the place need not be larger. */
#define MPS_SCRATCH 4096

struct mps_rxmem {
    uint8_t scratch[MPS_SCRATCH];     /* from mps_subflow_rx_spans to mps_subflow_rx_done */
    const struct mps_subflow *holder; /* whose bytes are in `held`; NULL: nobody's */
    uint32_t held_at, held_len;
    uint8_t held[MPS_SCRATCH];
    struct mps_reasm_reserve reserve;
};
