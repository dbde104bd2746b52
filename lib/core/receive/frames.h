/* SPDX-License-Identifier: MIT */
/* Frames that arrived: data, acknowledgments, credit, control. */
#pragma once
#include "core/conn/state.h"

int mps_frames_head(struct mps_subflow *sf, const struct mps_frame *f, mps_time_t now);
int mps_frames_payload(struct mps_subflow *sf, mps_time_t now); /* payload complete */
void mps_frames_early(struct mps_subflow *sf, mps_time_t now);  /* a part of one */
int mps_frames_ctrl(struct mps_subflow *sf, const struct mps_ctrl *ctrl, mps_time_t now);
