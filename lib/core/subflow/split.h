/* SPDX-License-Identifier: MIT */
/*
 * A subflow through a box that splits TCP: TCP measures only as far as that box, and the bytes that
 * the box holds look delivered. So PINGs are sent between the data, whose PONGs tell that
 * everything before them has arrived. They show how many bytes are on their way to the peer, which
 * is bounded by about twice what the whole path holds, and give the scheduler the whole path's
 * round-trip time and rate. Bytes are those of payload since the subflow's start.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "subflow.h"
#include "core/base/time.h"

#define MPS_SPLIT_MIN  65536u        /* so many bytes may always be on their way */
#define MPS_SPLIT_LOST (1 * MPS_SEC) /* and round trips: a PING that finds no answer */

#define MPS_SPLIT_PROBES 16u /* PINGs under way, a power of two */

struct mps_split_probe {
    uint32_t opaque; /* of the PING */
    uint64_t sent;   /* bytes before it */
    mps_time_t at;
    uint64_t delivered;      /* bytes known to have arrived when it was sent, */
    mps_time_t delivered_at; /* since when, */
    mps_time_t begun_at;     /* and when the last of them had been sent */
};

struct mps_split {
    struct mps_split_probe probe[MPS_SPLIT_PROBES];
    unsigned first, n;
    uint32_t last_opaque;
    uint64_t sent;      /* up to the last PING */
    uint64_t delivered; /* have arrived */
    mps_time_t delivered_at, begun_at;
    uint32_t srtt_us, rttvar_us, min_rtt_us; /* of the whole path, 0: unknown */
    uint64_t rate[2];      /* highest in this span of time and the one before, bytes per second */
    mps_time_t span_at;    /* end of this span */
    bool full;             /* the bound was reached in it */
    mps_time_t min_at;     /* when the lowest round-trip time was last seen */
    mps_time_t drain_at;   /* until then less is on its way, to see it again; 0: not now */
    uint32_t drain_rtt_us; /* lowest meanwhile */
};

void mps_split_init(struct mps_split *s, mps_time_t now);

/* Most bytes that may be on their way. */
uint64_t mps_split_bound(const struct mps_split *s);

/* How many bytes may be added to `sent`, which includes the bytes that wait to be sent. */
uint64_t mps_split_room(struct mps_split *s, uint64_t sent);

/* Is a PING due behind these bytes? The peer need not answer each: an old one may give way. */
bool mps_split_due(const struct mps_split *s, uint64_t sent, mps_time_t now);

/* It goes out; returns its opaque value. */
uint32_t mps_split_ask(struct mps_split *s, uint64_t sent, mps_time_t now);

/* A PONG. */
void mps_split_answer(struct mps_split *s, uint32_t opaque, mps_time_t now);

/* Everything that was sent has arrived, as is known from elsewhere. */
void mps_split_arrived(struct mps_split *s, uint64_t sent, mps_time_t now);

/* Puts the measurements of the whole path in place of those that TCP makes up to the box. */
void mps_split_metrics(const struct mps_split *s, uint64_t sent, struct mps_metrics *m);
