/* SPDX-License-Identifier: MIT */
/*
 * Which joins are better not made. A join whose mark does not arrive is a stray connection to the
 * program at the other end, which may count it, or wait for its bytes. Once a join has gone astray
 * on a path to a peer, no connection of the agent that has another one tries it for some minutes.
 * An address that the peer announces may also be somebody else's address here, or our own.
 */
#pragma once
#include <stdbool.h>
#include "core/conn/conn.h"

struct mps_mpconn;
struct mps_sflow;

/* Until when a join as in the event is not worth it; 0: it is. */
mps_time_t mps_joinable_avoid(struct mps_mpconn *mp, const struct mps_event *open, mps_time_t now);

/* Must the join send nothing unless it sees an agent's mark? */
bool mps_joinable_needs_mark(const struct mps_mpconn *mp, const struct mps_addr *remote);

/* A join has ended. */
void mps_joinable_learn(struct mps_mpconn *mp, const struct mps_sflow *f,
                        const struct mps_event *close, mps_time_t now);
