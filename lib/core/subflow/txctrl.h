/* SPDX-License-Identifier: MIT */
/*
 * The control bytes of a subflow: opening messages, control frames and acknowledgments without
 * data, as they go to the socket. A small place is part of the subflow; a larger one is made while
 * it is needed.
 */
#pragma once
#include "state.h"

void mps_sf_ctrl_init(struct mps_sf_tx *tx);

/* There are no control bytes, or they do not count any more. */
void mps_sf_ctrl_clear(struct mps_subflow *sf);

/* Is there, or can there be made, place for so many control bytes more? */
bool mps_sf_ctrl_reserve(struct mps_subflow *sf, size_t len);

/*
 * Where len bytes more can be written, or NULL. The place of two acknowledgments stays free behind
 * them: acknowledgments never have to wait.
 */
uint8_t *mps_sf_ctrl_place(struct mps_subflow *sf, size_t len);

/* So many were written there. */
void mps_sf_ctrl_added(struct mps_sf_tx *tx, size_t len);
