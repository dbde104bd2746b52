/* SPDX-License-Identifier: MIT */
/* The sending half of a subflow: control bytes and DSS frames become spans for the socket. */
#pragma once
#include "state.h"

void mps_sf_tx_init(struct mps_subflow *sf);
void mps_sf_tx_deinit(struct mps_subflow *sf);

/* Append a whole message or frame to the control bytes; false: no room. */
bool mps_sf_tx_ctrl(struct mps_subflow *sf, const uint8_t *bytes, size_t len);

/* Is there, or can there be made, place for one more frame? */
bool mps_sf_tx_reserve(struct mps_subflow *sf);
bool mps_sf_tx_frame(struct mps_subflow *sf, uint64_t dsn, uint32_t len, uint8_t flags);

bool mps_sf_tx_empty(const struct mps_subflow *sf);
void mps_sf_tx_clear(struct mps_subflow *sf); /* all but a frame begun */

/* The socket took so many of the bytes that mps_subflow_tx_spans gave. */
void mps_sf_tx_taken(struct mps_subflow *sf, size_t n, mps_time_t now);

/* A PING behind the data, if one is due on a path whose TCP is split (split.h). */
void mps_sf_tx_probe(struct mps_subflow *sf, mps_time_t now);
