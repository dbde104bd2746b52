/* SPDX-License-Identifier: MIT */
/*
 * How many of the application's bytes are taken before the peer has them. Each of them lies ahead
 * of what the application writes next, so it is what the paths carry in about a round trip, as TCP
 * does, and less where the application asked for that.
 */
#pragma once
#include "core/conn/state.h"

/* Room for what so late a DATA_ACK leaves in it, up to so many bytes. */
#define MPS_SND_BUF_LATE     (20 * MPS_MSEC)
#define MPS_SND_BUF_LATE_MAX (4u << 20)
/* A program that wants few bytes unsent leaves at least two small frames for a path with room. */
#define MPS_UNSENT_MIN MPS_FRAME_MIN
/* While the agent's memory is scarce. */
#define MPS_SND_BUF_SCARCE (256u << 10)

void mps_sndbuf_size(struct mps_conn *c, mps_time_t now);
