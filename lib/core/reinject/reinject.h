/* SPDX-License-Identifier: MIT */
/*
 * Data sent again to shorten waiting:
 * - Opportunistic reinjection (M1 of Raiciu et al., NSDI 2012): when the credit is used up, or when
 *   nothing is left to send, an idle subflow that would deliver well before the holder repeats what
 *   blocks.
 * - Repair: what a path with losses holds up is repeated on one that delivers it sooner than TCP's
 *   retransmission, which takes another round trip.
 * - What is late: a path that has become slow, or silent, since it was given the bytes that the
 *   program waits for, holds them far longer than was foreseen; they are repeated.
 * - Exploration: a path that the scheduler passes over gets a small copy now and then, as its
 *   measurements are as old as its last data.
 * The bytes repeated so are bounded by a share of what was sent.
 */
#pragma once
#include "core/conn/state.h"

void mps_reinject_opportunism(struct mps_conn *c, mps_time_t now);

/* Queues what a path with losses holds up, where another is much faster. */
void mps_reinject_repair(struct mps_conn *c, mps_time_t now);

/* Queues what is first in line and late, where another path delivers it much sooner. */
void mps_reinject_late(struct mps_conn *c, mps_time_t now);

/* Before and after data was given to subflows: since when has much of it been waiting? */
void mps_reinject_note_waiting(struct mps_conn *c, mps_time_t now);

/*
 * A subflow that was passed over for so long that its measurements say nothing, while data waited
 * all the time: a program that asks for something now and then has no use for them.
 */
struct mps_subflow *mps_reinject_unexplored(const struct mps_conn *c, mps_time_t now);

/* A copy of the newest run to it. */
void mps_reinject_explore(struct mps_conn *c, struct mps_subflow *sf, mps_time_t now);
