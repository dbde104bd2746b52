/* SPDX-License-Identifier: MIT */
/*
 * Which joins are better not made. A join whose mark does not arrive is a stray connection to the
 * program at the other end, which may count it, or wait for its bytes. Once a join has gone astray
 * on a path to a peer, no connection of the agent that has another one tries it for some minutes.
 * An address that the peer announces may also be somebody else's address here, or our own: joins to
 * addresses of ours, and to hosts in our networks that the peer is not in, are not made, and others
 * are few as long as the peer is not proved to be there.
 */
#pragma once
#include <stdbool.h>
#include "core/conn/conn.h"

struct mps_mpconn;
struct mps_sflow;

/*
 * Until when a join as in the event is not to be made; 0: it may be, and *ret_claim tells whether
 * it took a token (claimants.h).
 */
mps_time_t mps_joinable_avoid(struct mps_mpconn *mp, const struct mps_event *open, bool *ret_claim,
                              mps_time_t now);

/*
 * Must the join send nothing unless it sees an agent's mark? Only the user's word that a shim is at
 * that very address takes the place of the mark, not the peer's.
 */
bool mps_joinable_needs_mark(const struct mps_mpconn *mp, const struct mps_addr *remote);

/* A join works: the peer is there. */
void mps_joinable_works(struct mps_mpconn *mp, const struct mps_sflow *f,
                        const struct mps_event *up, mps_time_t now);

/* A join has ended. */
void mps_joinable_learn(struct mps_mpconn *mp, const struct mps_sflow *f,
                        const struct mps_event *close, mps_time_t now);
