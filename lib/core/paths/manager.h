/* SPDX-License-Identifier: MIT */
/* The path manager (pm.h) asked and obeyed: new subflows within the limit. */
#pragma once
#include "core/conn/state.h"

/* If something has changed: announce, end what is double, open what is wanted. */
void mps_manager_run(struct mps_conn *c, mps_time_t now);

/* A join of the peer's works: it takes the place of one that hangs, which was not counted. */
void mps_manager_keep_limit(struct mps_conn *c, mps_time_t now);
