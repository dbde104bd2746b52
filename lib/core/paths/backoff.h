/* SPDX-License-Identifier: MIT */
/*
 * Pairs of addresses that failed: when each may be tried again, and what became known about its
 * path. Only the client keeps them, which makes the joins.
 */
#pragma once
#include "core/conn/state.h"

/* While no subflow is active: a failure in a row waits so long, doubling, up to a second; when it
 * has been so for as long as a connection with something to send lives, up to this. */
#define MPS_RETRY_HURRY     (100 * MPS_MSEC)
#define MPS_RETRY_HURRY_MAX (1 * MPS_SEC)
#define MPS_RETRY_ALONE     (16 * MPS_SEC)

/*
 * A path that worked and went silent is looked for by one join after the other: TCP itself would
 * repeat a SYN, or what is in flight, once a second at best. Each waits so long for an answer, or
 * an eighth of the silence so far, or three of the path's round trips.
 */
#define MPS_PROBE_MIN   (250 * MPS_MSEC)
#define MPS_PROBE_SHIFT 3
#define MPS_PROBE_LIVED (1 * MPS_SEC) /* only if it had worked for so long */

/* May the pair be tried? */
bool mps_backoff_over(const struct mps_conn *c, uint32_t local, mps_addr_id_t remote,
                      mps_time_t now);

/* Attempts from an address of ours that failed, since one of them worked for a while. */
unsigned mps_backoff_fails_from(const struct mps_paths *p, uint32_t key);

/* Attempts over a pair that failed, if it never worked; otherwise 0. */
unsigned mps_backoff_in_vain(const struct mps_paths *p, uint32_t local, mps_addr_id_t remote);

/* When the next pair may be tried, MPS_NEVER if none waits. */
mps_time_t mps_backoff_next(const struct mps_paths *p, mps_time_t now);

/* How long a join over the pair of `sf` waits for an answer if its path went silent, or 0. */
mps_time_t mps_backoff_probe_time(const struct mps_conn *c, const struct mps_subflow *sf,
                                  mps_time_t now);

/* The back-off of an address of ours (key not 0) or of the peer's, or of one pair, is over. */
void mps_backoff_forget(struct mps_paths *p, uint32_t key, mps_addr_id_t remote);
void mps_backoff_forget_pair(struct mps_paths *p, uint32_t key, mps_addr_id_t remote);

/* A subflow is active from now on. */
void mps_backoff_works(struct mps_conn *c);

/*
 * A subflow has failed. True: no agent that knows the connection is at the other end any more, as
 * all its paths say.
 */
bool mps_backoff_failed(struct mps_conn *c, const struct mps_subflow *sf, bool transient,
                        mps_time_t now);

/* The pair of the subflow has its turn at `until`. */
void mps_backoff_avoid(struct mps_subflow *sf, mps_time_t until);

/*
 * The peer says only now that a box changed bytes on the subflow `id`, which has ended before. Its
 * addresses are NULL if they are not known any more.
 */
void mps_backoff_blame(struct mps_conn *c, uint32_t id, const struct mps_addr **ret_local,
                       const struct mps_addr **ret_remote, mps_time_t now);
