/* SPDX-License-Identifier: MIT */
/*
 * How many of the application's bytes are taken before the peer has them. Each of them lies ahead of
 * what the application writes next, so it is what the paths carry in about a round trip, as TCP
 * does, and less where the application asked for that.
 */
#pragma once
#include "core/conn/state.h"

void mps_sndbuf_size(struct mps_conn *c, mps_time_t now);
