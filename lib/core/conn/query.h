/* SPDX-License-Identifier: MIT */
/* What the connection's parts ask of its state. Nothing here changes anything. */
#pragma once
#include "state.h"

/* ---- our stream ---- */
uint64_t mps_conn_unsent(const struct mps_conn *c);
uint64_t mps_conn_credit_left(const struct mps_conn *c);
bool mps_conn_own_stream_acked(const struct mps_conn *c); /* DATA_FIN included */
/*
 * Nothing of ours is under way or waits to be sent. Then an outage, however long, is no reason to
 * end: an idle TCP connection would not even notice it.
 */
bool mps_conn_idle(const struct mps_conn *c);

/* ---- the peer's stream ---- */
/* Bytes of either direction that got through. */
uint64_t mps_conn_progress(const struct mps_conn *c);
/*
 * The last subflow is lost: was it one that came up a moment ago, after a time without any, and
 * brought nothing? A peer, or a box, that ends each join as soon as it works does not make the
 * connection live for ever.
 */
#define MPS_BARREN (1 * MPS_SEC)
bool mps_conn_was_barren(const struct mps_conn *c, mps_time_t now);
bool mps_conn_peer_stream_complete(const struct mps_conn *c);
/* Only acknowledgments are missing. */
bool mps_conn_both_ended(const struct mps_conn *c);

/* ---- subflows ---- */
unsigned mps_conn_n_active(const struct mps_conn *c);
unsigned mps_conn_n_living(const struct mps_conn *c);
mps_time_t mps_conn_max_srtt(const struct mps_conn *c); /* of those that work */

/* May carry data: active, or the first one with early data. */
bool mps_sf_usable(const struct mps_subflow *sf);
/*
 * Server: data came with HELLO, and FINISHED has not come. Until then anybody may have made the
 * early bytes, or sent them once more: an end would tell the program that they are all.
 */
bool mps_conn_is_doubtful(const struct mps_conn *c);
/* Client: it does not know yet that the server has got FINISHED for its early data. */
bool mps_conn_is_unvouched(const struct mps_conn *c);
/* It brings FINISHED, on which early bytes depend that are in the peer's program already. */
bool mps_sf_vouches(const struct mps_subflow *sf);
/* Another one that lives on the pair of addresses of `sf`. */
bool mps_sf_is_twin(const struct mps_subflow *sf, const struct mps_subflow *other);
/* The silence or end of this one is not worth sending anything on a subflow that may be as dead. */
bool mps_sf_hush(const struct mps_subflow *sf);
/* Do payloads of this subflow get MACs? */
bool mps_sf_macs_wanted(const struct mps_subflow *sf);
