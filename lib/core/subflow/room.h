/* SPDX-License-Identifier: MIT */
/* How much a subflow's socket should hold unsent: enough for TCP, and no more (late binding). */
#pragma once
#include "state.h"

uint64_t mps_sf_room(const struct mps_subflow *sf); /* bytes it takes now */
uint32_t mps_sf_frame_size(const struct mps_subflow *sf);

/* New metrics are there. */
void mps_sf_room_update(struct mps_subflow *sf, mps_time_t now);
