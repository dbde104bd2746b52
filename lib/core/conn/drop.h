/* SPDX-License-Identifier: MIT */
/*
 * A subflow is taken out of the connection: what it carried waits for the others. news.h decides
 * what else follows from its end.
 */
#pragma once
#include "state.h"

/* Nothing happens if it is dead already. `reset`: its socket is closed with RST. */
void mps_drop_subflow(struct mps_subflow *sf, bool reset, enum mps_reason reason, mps_time_t now);

/* Runs that are carried only by subflows that hang wait for reinjection from now on. */
void mps_drop_requeue(struct mps_conn *c);
