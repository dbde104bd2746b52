/* SPDX-License-Identifier: MIT */
/*
 * Boxes that change bytes, and others who make up frames: what follows from that. Accidents show in
 * CRCs and in the MACs of payloads, forgery in the MACs of heads.
 * mptcpshim-protocol(7), "MACs of payloads".
 */
#pragma once
#include "core/conn/state.h"

/* So many damages at one point of the stream are no chance. */
#define MPS_DAMAGE_TRIES    3u
#define MPS_DAMAGE_PATIENCE (10 * MPS_SEC) /* of a server, after the second one */

/* The subflow works. */
void mps_damage_up(const struct mps_subflow *sf);

/*
 * A box changed bytes on the subflow `id`, whose addresses are NULL if they are not known any more.
 */
void mps_damage_found(struct mps_conn *c, uint32_t id, const struct mps_addr *local,
                      const struct mps_addr *remote, mps_time_t now);

/*
 * A frame came on a path that the peer has not sent. That counts as no damage: what ends a
 * connection without a path that works is time.
 */
void mps_damage_forged(struct mps_conn *c, const struct mps_addr *local,
                       const struct mps_addr *remote);
