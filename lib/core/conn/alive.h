/* SPDX-License-Identifier: MIT */
/*
 * Is a silent subflow still there? It is asked by PING; stale.h decides what follows if it does not
 * answer.
 *
 * The subflow that was heard of last is not asked until another one has answered, so that never all
 * of them are asked. Only the client asks the only subflow, and more seldom: the server may have
 * lost that subflow and wait with data for a new one, which only the client opens.
 */
#pragma once
#include "state.h"

mps_time_t mps_alive_deadline(const struct mps_conn *c);
void mps_alive_timer(struct mps_conn *c, mps_time_t now);

/* Something suggests that the subflow works no more: it is asked at once. */
void mps_alive_doubt(struct mps_subflow *sf, mps_time_t now);
/* The same of all subflows, the last one as well, whatever the user says of keepalive. */
void mps_alive_doubt_all(struct mps_conn *c, mps_time_t now);

/*
 * The peer says that its address of this subflow is gone. If the subflow works nevertheless it
 * stays (RFC 8684 section 3.4.2): it is asked, and carries nothing new until it has answered.
 */
void mps_alive_withdrawn(struct mps_subflow *sf, mps_time_t now);
/* A PONG; true: it was the answer to that. */
bool mps_alive_answered(struct mps_subflow *sf, uint32_t opaque, mps_time_t now);
/* No answer has come in time. */
bool mps_alive_is_gone(const struct mps_subflow *sf, mps_time_t now);

/* What the application wants to know of the peer (deadpeer.h). */
mps_time_t mps_alive_peer_deadline(const struct mps_conn *c);
void mps_alive_peer_timer(struct mps_conn *c, mps_time_t now);
/* At the end of every verb: does data wait for the peer? */
void mps_alive_peer_waiting(struct mps_conn *c, mps_time_t now);
