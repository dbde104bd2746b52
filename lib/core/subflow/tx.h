/* SPDX-License-Identifier: MIT */
/* The sending half of a subflow: control bytes and DSS frames become spans for the socket. */
#pragma once
#include "state.h"

void mps_sf_tx_init(struct mps_subflow *sf);
void mps_sf_tx_deinit(struct mps_subflow *sf);

/* Append an opening message to the control bytes; false: no room. */
bool mps_sf_tx_message(struct mps_subflow *sf, const uint8_t *bytes, size_t len);

/* Append the head of a frame that has no rest, as it is encoded (frame.h); its MAC is made here.
 * False: no room, or no MAC. */
bool mps_sf_tx_ctrl(struct mps_subflow *sf, const uint8_t *bytes, size_t len);

/* Everything that is not in the control bytes, and was not begun, goes under this key. */
void mps_sf_tx_rekey(struct mps_subflow *sf, const uint8_t key[MPS_MAC_KEY_LEN]);

/*
 * Client: the rest of what went under the early key, which is what was begun and the control bytes,
 * counts as sent for the hash of the early bytes. 0, MPS_ECRYPTO.
 */
int mps_sf_tx_end_early(struct mps_subflow *sf);

bool mps_sf_tx_empty(const struct mps_subflow *sf);

/* The socket took so many of the bytes that mps_subflow_tx_spans gave. */
void mps_sf_tx_taken(struct mps_subflow *sf, size_t n, mps_time_t now);

/* A PING behind the data, if one is due on a path whose TCP is split (split.h). */
void mps_sf_tx_probe(struct mps_subflow *sf, mps_time_t now);
