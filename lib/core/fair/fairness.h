/* SPDX-License-Identifier: MIT */
/* Fairness put into effect: who may not get new data now (couple.h). */
#pragma once
#include "core/conn/state.h"

/* Which subflows rest, by fresh measurements. */
void mps_fairness_run(struct mps_conn *c, mps_time_t now);

/* The slot will be another subflow's. */
void mps_fairness_forget(struct mps_conn *c, unsigned slot);

/* When mps_fairness_run is to be called, MPS_NEVER if not. */
mps_time_t mps_fairness_deadline(const struct mps_conn *c);
