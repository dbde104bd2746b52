/* SPDX-License-Identifier: MIT */
/*
 * The application's bytes on their way to subflows. Late binding: a byte is given to a subflow only
 * when that has room in its socket, so the choice is made with fresh measurements.
 */
#pragma once
#include "core/conn/state.h"

/* What waits goes to subflows that have room. */
void mps_transmit(struct mps_conn *c, mps_time_t now);

/* Another scheduler from now on. 0, or MPS_ENOMEM: the old one goes on. */
int mps_transmit_set_scheduler(struct mps_conn *c, const struct mps_sched_ops *sched,
                               mps_time_t now);
