/* SPDX-License-Identifier: MIT */
/* A run of bytes that is in the queue (rtxq.h), sent on one more subflow. */
#pragma once
#include "core/conn/state.h"

/* False: no memory; nothing has changed. */
bool mps_run_send(struct mps_conn *c, struct mps_subflow *sf, struct mps_run *run, uint8_t flags,
                  enum mps_cause cause, mps_time_t now);

static inline bool mps_run_is_on(const struct mps_run *run, const struct mps_subflow *sf)
{
    return run->carriers & mps_sf_bit(sf);
}
