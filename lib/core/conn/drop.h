/* SPDX-License-Identifier: MIT */
/*
 * A subflow is taken out of the connection: what it carried waits for the others. What else follows
 * from its end is the business of news.h.
 */
#pragma once
#include "state.h"

/* Nothing happens if it is dead already. `reset`: its socket is closed with RST. */
void mps_drop_subflow(struct mps_subflow *sf, bool reset, enum mps_reason reason, mps_time_t now);

/* Runs that only subflows carry that hang wait for reinjection. */
void mps_drop_requeue(struct mps_conn *c);
