/* SPDX-License-Identifier: MIT */
/*
 * Payload that goes around the core: its bytes come from the subflow's pipe and go to the
 * application without being read (mps_subflow_rx_bypass). Only such that is next in order may, with
 * nothing held in front of it or behind it, and only where no MAC covers it.
 *
 * The place that the head of its frame was given is kept meanwhile: bytes that find no room at the
 * application go there, as all others do, and are counted already (I3).
 */
#pragma once
#include "core/conn/state.h"

/* mps_subflow_rx_bypass. */
size_t mps_bypass_offer(const struct mps_subflow *sf, bool *ret_held);

/* mps_subflow_rx_bypassed. */
int mps_bypass_done(struct mps_subflow *sf, size_t n, mps_time_t now);
