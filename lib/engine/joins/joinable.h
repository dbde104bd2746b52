/* SPDX-License-Identifier: MIT */
/*
 * Which joins are better not made. One whose mark does not arrive is a stray connection to the
 * program at the other end, which may count it, or wait for its bytes: once it has gone astray on a
 * path to a peer, no connection of the agent tries again for some minutes. What the peer announces may be somebody else's address
 * here, or our own.
 */
#pragma once
#include <stdbool.h>
#include "core/conn/conn.h"

struct mps_mpconn;
struct mps_sflow;

/* Until when a join as in the event is not worth it; 0: it is. */
mps_time_t mps_joinable_avoid(struct mps_mpconn *mp, const struct mps_event *open, mps_time_t now);

/* Has the join to say nothing unless it sees an agent's mark? */
bool mps_joinable_needs_mark(const struct mps_mpconn *mp, const struct mps_addr *remote);

/* A join has ended. */
void mps_joinable_learn(struct mps_mpconn *mp, const struct mps_sflow *f,
                        const struct mps_event *close, mps_time_t now);
