/* SPDX-License-Identifier: MIT */
/*
 * Records of what has changed: phases, subflows, who rests. They are derived from the state at the
 * end of a verb, as events are, so that none is forgotten, whoever changed it.
 */
#pragma once
#include "core/conn/state.h"

/* At the end of a verb, before what is dead is freed. Only if there is a trace. */
void mps_watch(struct mps_conn *c, mps_time_t now);

/* After a run of the coupling: experiments. Only if there is a trace. */
void mps_watch_fairness(struct mps_conn *c);
