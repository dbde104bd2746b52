/* SPDX-License-Identifier: MIT */
/* Bytes that a subflow brings: opening messages and frames are taken out of them and acted upon. */
#pragma once
#include "core/conn/state.h"

/* mps_subflow_rx_done. */
int mps_read_done(struct mps_subflow *sf, size_t n, mps_time_t now);

/* The part of mps_bypass_done that is about the frame. */
int mps_read_bypassed(struct mps_subflow *sf, uint32_t n, mps_time_t now);

/* Subflows that wait for memory try again. */
void mps_read_retry(struct mps_conn *c, mps_time_t now);
