/* SPDX-License-Identifier: MIT */
/*
 * A path's queue lies ahead of all that a program writes next. TCP leaves one there: BBR's runs up
 * to a second window, since what it takes for the path's rate is a little too much. For a program
 * that wants little unsent (TCP_NOTSENT_LOWAT) the subflow sends a little slower than the path
 * delivers, until the queue is gone. Where it does not go, it is somebody else's: after a short
 * time the subflow takes its part of the path again, and does not try for long.
 */
#pragma once
#include <stdint.h>
#include "core/base/time.h"

struct mps_metrics;

struct mps_drain {
    uint64_t rate; /* bytes per second at most, 0: no limit */
    mps_time_t since;
    mps_time_t not_before; /* of the next one */
};

/*
 * The limit from now on, from a look at TCP; to be called some times a second. `used`: bytes per
 * second that the path delivered lately.
 */
uint64_t mps_drain_step(struct mps_drain *self, const struct mps_metrics *m, uint64_t used,
                        mps_time_t now);
