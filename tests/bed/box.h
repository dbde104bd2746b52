/* SPDX-License-Identifier: MIT */
/*
 * A box on a link that changes what TCP carries over IPv4, with right checksums behind it: it flips
 * a bit of some segments, or puts six bytes into each stream, as a gateway does that writes another
 * address into a command, and moves the sequence numbers behind them.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define BED_BOX_FLOWS 64
#define BED_BOX_MORE  6 /* bytes put in */

struct bed_box_config {
    uint32_t rewrite; /* one of so many segments of 512 bytes and more; 0: none */
    uint32_t insert;  /* behind so many bytes of a stream; 0: nothing */
};

struct bed_box_flow {
    uint8_t ends[12]; /* addresses and ports as in its packets */
    uint32_t at;      /* sequence number before which the bytes go */
};

/* One direction. */
struct bed_box {
    struct bed_box_config config;
    uint32_t seen, changed;                  /* segments that could be, and were, changed */
    struct bed_box_flow flow[BED_BOX_FLOWS]; /* the oldest goes first */
    unsigned n_flows;
};

/* A packet passes in the direction of `box`; `back` is the other one. There is room for `size`. */
void bed_box_pass(struct bed_box *box, const struct bed_box *back, uint8_t *packet, uint32_t *len,
                  size_t size);
