/* SPDX-License-Identifier: MIT */
/*
 * What has arrived, by TCP's word. A DATA_ACK says nothing of bytes behind a hole, which another
 * subflow is to fill; TCP has acknowledged them all the same. No copy of such bytes brings them
 * sooner. Until the DATA_ACK comes they are kept in any case: who acknowledged them may be a box on
 * the way.
 */
#pragma once
#include "state.h"

/* Payload bytes that were ever given to the subflow: a frame that was just made ends there. */
uint64_t mps_sf_given(const struct mps_subflow *sf);

/* Is the frame that ended there acknowledged? False where nobody knows. */
bool mps_sf_has_arrived(const struct mps_subflow *sf, uint64_t end);
