/* SPDX-License-Identifier: MIT */
/*
 * SO_MAX_PACING_RATE of a program holds for its connection: each subflow gets a part of the rate,
 * by what it carries. The parts always add up to the program's rate; a single subflow has all of
 * it. Without that option the queues of paths may be let go (drain.h).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/time.h"
#include "drain.h"

struct mps_mpconn;
struct mps_sockopts;

struct mps_pacing {
    uint64_t rate; /* bytes per second, 0: no limit */
    mps_time_t at; /* the parts were last changed, */
    unsigned n;    /* for so many subflows */
    bool drains;   /* without a rate: a subflow has a limit that lets its path's queue go */
};

/* Of one subflow. */
struct mps_pacing_part {
    uint64_t acked; /* by TCP, when last looked at */
    uint64_t used;  /* bytes per second, smoothed */
    uint64_t part;  /* what its socket was told, 0: nothing */
    struct mps_drain drain;
};

/* The part of `rate` that each of n subflows gets; at least a fiftieth of `rate` divided by n. */
void mps_pacing_share(uint64_t rate, struct mps_pacing_part *const *parts, unsigned n);

/* The program's option has perhaps changed. */
void mps_pacing_obey(struct mps_mpconn *mp);

/* At each run. */
void mps_pacing_run(struct mps_mpconn *mp, mps_time_t now);
