/* SPDX-License-Identifier: MIT */
/*
 * A claim is an address of which only the peer's word, ADD_ADDR, says that it is the peer's. A join
 * to it is a SYN to somebody who may not want it (RFC 6181 section 5), so that there are few:
 *
 * - All claims of a connection share a token bucket. A join that meets the peer there gives its
 *   token back, so that a peer that tells the truth is never limited.
 * - Each address has a back-off of its own, whatever the port, so that nobody makes this host look
 *   for open ports. Our local addresses take turns: each may try before there is a wait.
 *
 * An address with its port is a claim until a join to it has proved the peer's keys; the address of
 * the first subflow is none. Only the client keeps claims, which makes the joins.
 */
#pragma once
#include "core/conn/state.h"

#define MPS_CLAIMS_BURST    16u           /* joins to claims at once, of a connection, */
#define MPS_CLAIMS_INTERVAL (2 * MPS_SEC) /* and another one each time */

void mps_claims_deinit(struct mps_conn *c);

/* When a join may go to the claim `addr`: not later than `now` if it may go at once. */
mps_time_t mps_claims_next(const struct mps_conn *c, const struct mps_addr *addr);

/* When the first claim that has to wait now may be tried, MPS_NEVER if none waits. */
mps_time_t mps_claims_wake(const struct mps_conn *c, mps_time_t now);

/* The subflow is a join to a claim, */
void mps_claims_tried(struct mps_subflow *sf, mps_time_t now);
/* which the transport does not make, */
void mps_claims_unsent(struct mps_subflow *sf);
/* or which met the peer, */
void mps_claims_proved(struct mps_subflow *sf);
/* or did not. Each of these is nothing for other subflows. */
void mps_claims_failed(const struct mps_subflow *sf, mps_time_t now);

/* Our side of the network is another one: earlier failures say nothing. The bucket stays. */
void mps_claims_renew(struct mps_paths *p);
