/* SPDX-License-Identifier: MIT */
/*
 * One direction of an emulated link: a drop-tail queue, a transmitter with a rate, a wire with a
 * delay and random loss. No I/O and no clock: time is an argument, in nanoseconds. Departure times
 * follow from the packet before, not from when the caller happened to wake up, so a late caller
 * causes no drift.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define BED_NEVER UINT64_MAX

struct bed_packet {
    struct bed_packet *next;
    uint64_t at_ns; /* in the queue: arrival; on the wire: when it comes out */
    uint32_t len;
    uint8_t data[];
};

struct bed_list {
    struct bed_packet *head, *tail;
};

struct bed_config {
    uint64_t rate_bps;    /* 0: no limit, and then no queue either */
    uint64_t delay_ns;    /* one way */
    uint64_t queue_bytes; /* packets that would exceed it are dropped */
    uint32_t loss_ppm;
    bool cut; /* everything disappears, silently */
};

struct bed_stats {
    uint64_t in_packets, in_bytes;   /* offered */
    uint64_t out_packets, out_bytes; /* delivered */
    uint64_t queue_drops, loss_drops, cut_drops;
    uint64_t queue_max_bytes;
};

struct bed_dir {
    struct bed_config config;
    struct bed_stats stats;
    struct bed_list queue, wire;
    uint64_t queue_bytes; /* packet under transmission included */
    uint64_t free_at_ns;  /* when the transmitter finished the packet before */
    uint64_t random;
};

void bed_dir_init(struct bed_dir *dir, uint64_t seed);

/*
 * Change the configuration. The packet under transmission starts anew at the new rate; packets on
 * the wire keep their times. A cut returns all packets held, for the caller to free.
 */
struct bed_packet *bed_dir_set(struct bed_dir *dir, uint64_t now_ns,
                               const struct bed_config *config);

/* Offer a packet. True: taken; false: dropped, it remains the caller's. */
bool bed_dir_push(struct bed_dir *dir, uint64_t now_ns, struct bed_packet *packet);

/* The next packet that has come out by now, or NULL. Never reorders. */
struct bed_packet *bed_dir_pop(struct bed_dir *dir, uint64_t now_ns);

/* When the next packet comes out, or BED_NEVER. */
uint64_t bed_dir_next(const struct bed_dir *dir);
