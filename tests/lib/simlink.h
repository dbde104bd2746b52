/* SPDX-License-Identifier: MIT */
/*
 * A link of the simulated network: per direction a rate, a delay, a drop-tail queue and random
 * loss. It can be cut: then whatever is on it or sent to it vanishes. Its rate may follow a record:
 * what finds the link without any waits in the queue.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/time.h"
#include "prng.h"

/* Bytes that the link can carry in each step of time, over and over. */
struct simlink_record {
    mps_time_t step;
    const uint64_t *bytes;
    unsigned n;
};

struct simlink_params {
    uint64_t rate;                       /* bytes per second */
    mps_time_t delay;                    /* one way */
    uint64_t queue;                      /* bytes that may wait */
    unsigned loss_ppm;                   /* of a million packets */
    const struct simlink_record *record; /* in place of the rate; NULL: none */
};

struct simlink_dir {
    struct simlink_params p;
    mps_time_t busy_until;
    uint64_t carried; /* bytes that entered, for the utilisation */
};

struct simlink {
    struct simlink_dir dir[2];
    struct prng *rng;
    bool cut;
    bool damage;   /* a bit of the next larger piece sent over it will be wrong */
    uint64_t cuts; /* a packet sent before the last cut does not arrive */
};

/* Bytes that a recorded link carries between two times. */
uint64_t simlink_carries(const struct simlink_record *r, mps_time_t from, mps_time_t to);

void simlink_init(struct simlink *link, const struct simlink_params *params, struct prng *rng);
void simlink_cut(struct simlink *link, bool cut);

/* A packet enters; false: it is dropped. Else *ret_arrival is when it comes out. */
bool simlink_send(struct simlink *link, unsigned dir, uint32_t len, mps_time_t now,
                  mps_time_t *ret_arrival);
