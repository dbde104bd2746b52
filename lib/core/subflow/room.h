/* SPDX-License-Identifier: MIT */
/* How much a subflow's socket should hold unsent: enough for TCP, and no more (late binding). */
#pragma once
#include "state.h"

/* Of the rate so much may wait unsent in a socket; with what was delivered in so long, at most. */
#define MPS_ROOM_TIME    (5 * MPS_MSEC)
#define MPS_ROOM_LATELY  (50 * MPS_MSEC)
#define MPS_ROOM_MAX     (4u << 20)
#define MPS_ROOM_UNKNOWN 65536u /* while the rate is unknown */

uint64_t mps_sf_room(const struct mps_subflow *sf); /* bytes it takes now */
uint32_t mps_sf_frame_size(const struct mps_subflow *sf);

/* New metrics are there. */
void mps_sf_room_update(struct mps_subflow *sf, mps_time_t now);
