/* SPDX-License-Identifier: MIT */
/* Acknowledgments, credit and control frames: which subflow carries them. */
#pragma once
#include "core/conn/state.h"

/* Queue a control frame; its csn is filled in here. 0, MPS_ENOMEM, MPS_ELIMIT. */
int mps_control_queue(struct mps_conn *c, struct mps_ctrl *ctrl);

/* Where signals go: a working subflow with the least delay; a stale one if there is no other. */
struct mps_subflow *mps_control_path(const struct mps_conn *c);

/* Acknowledgments that are due and control frames that wait are given to subflows. */
void mps_control_place(struct mps_conn *c, mps_time_t now);
