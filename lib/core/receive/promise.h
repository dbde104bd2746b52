/* SPDX-License-Identifier: MIT */
/*
 * What the peer has a right to (invariant I3). Credit cannot be taken back, but it is no promise
 * that each byte will be kept when it comes: what is not acknowledged may be let go, and comes
 * again by the peer's own repetition. Each connection keeps MPS_SURE_BYTES in any case,
 * whatever others do; that is told to whoever counts memory. It keeps more while there is
 * enough memory.
 */
#pragma once
#include "core/conn/state.h"

/* Say how much of what the peer may still send has a right to be kept. */
void mps_promise_tell(struct mps_conn *c);

/* May a payload of so many bytes be kept? */
bool mps_promise_covers(const struct mps_conn *c, uint32_t len);
