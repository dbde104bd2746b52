/* SPDX-License-Identifier: MIT */
/* The receiving half of a subflow. */
#pragma once
#include "state.h"

/* What it has received and not passed on is dropped. */
void mps_sf_rx_clear(struct mps_subflow *sf);
