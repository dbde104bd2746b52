/* SPDX-License-Identifier: MIT */
/*
 * Is a silent subflow still there? It is asked by PING; what happens without an answer is the
 * business of stale.h.
 *
 * The subflow that was heard of last is not asked while it is that, so never all of them are; as
 * soon as another one answers, it gets its turn. Only the client asks its last one, and more seldom:
 * the server may have lost it and be waiting with data for a new one, which only the client opens.
 */
#pragma once
#include "state.h"

mps_time_t mps_alive_deadline(const struct mps_conn *c);
void mps_alive_timer(struct mps_conn *c, mps_time_t now);

/* Something suggests that the subflow works no more: it is asked at once. */
void mps_alive_doubt(struct mps_subflow *sf, mps_time_t now);
/* The same of all, the last one as well, whatever the user says of keepalive. */
void mps_alive_doubt_all(struct mps_conn *c, mps_time_t now);

/* What the application wants to know of the peer (deadpeer.h). */
mps_time_t mps_alive_peer_deadline(const struct mps_conn *c);
void mps_alive_peer_timer(struct mps_conn *c, mps_time_t now);
/* At the end of every verb: does data wait for the peer? */
void mps_alive_peer_waiting(struct mps_conn *c, mps_time_t now);
