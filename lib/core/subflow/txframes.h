/* SPDX-License-Identifier: MIT */
/*
 * The DSS frames that a subflow has been given and the socket has not taken whole: a ring, in the
 * order of their places on the wire. Which bytes a frame carries can change until it is cut.
 */
#pragma once
#include "state.h"

void mps_sf_frames_init(struct mps_sf_tx *tx);
void mps_sf_frames_deinit(struct mps_subflow *sf);

/* Is there, or can there be made, place for one more? */
bool mps_sf_frames_reserve(struct mps_subflow *sf);

/* Behind all others; false: no place. */
bool mps_sf_frames_add(struct mps_subflow *sf, uint64_t dsn, uint32_t len, uint8_t flags);

/* The one i places behind the first, i < n. */
struct mps_tx_frame *mps_sf_frame_at(struct mps_sf_tx *tx, uint32_t i);

/* Bytes on the wire, with head and MACs. */
uint32_t mps_sf_frame_len(const struct mps_tx_frame *f);

/*
 * Which bytes it carries is final from now on: those that are not acknowledged yet. False: memory.
 */
bool mps_sf_frame_cut(struct mps_subflow *sf, struct mps_tx_frame *f);

bool mps_sf_frame_is_sealed(const struct mps_tx_frame *f);

void mps_sf_frames_drop_first(struct mps_subflow *sf);
void mps_sf_frames_clear(struct mps_subflow *sf); /* all but one that is begun */
