/* SPDX-License-Identifier: MIT */
/*
 * Boxes that change bytes: which payloads carry a checksum, and what follows when one is wrong.
 * mptcpshim-protocol(7), "Payload checksums" and "FAIL".
 */
#pragma once
#include "core/conn/state.h"

/* So many damages at one point of the stream are no chance. */
#define MPS_CHECKS_TRIES    3u
#define MPS_CHECKS_PATIENCE (10 * MPS_SEC) /* of a server, after the second one */

/* The subflow works. */
void mps_checks_up(const struct mps_subflow *sf);

/*
 * A box changed bytes on the subflow `id`, whose addresses are NULL if they are not known any more.
 */
void mps_checks_damaged(struct mps_conn *c, uint32_t id, const struct mps_addr *local,
                        const struct mps_addr *remote, mps_time_t now);
