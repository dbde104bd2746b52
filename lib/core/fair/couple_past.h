/* SPDX-License-Identifier: MIT */
/*
 * Paths that were found to stand alone: not examined again before some time, whichever subflow uses
 * them by then.
 */
#pragma once
#include <stdint.h>
#include "core/base/time.h"

#define MPS_COUPLE_PAST 8 /* paths remembered; the one that is due first gives way */

struct mps_couple_past_entry {
    uint32_t path;
    mps_time_t at;   /* next experiment; 0: no entry */
    mps_time_t wait; /* before the one after it */
};

struct mps_couple_past {
    struct mps_couple_past_entry entry[MPS_COUPLE_PAST];
};

void mps_couple_past_keep(struct mps_couple_past *past, uint32_t path, mps_time_t at,
                          mps_time_t wait);
void mps_couple_past_drop(struct mps_couple_past *past, uint32_t path);

/* NULL: nothing is known of the path. */
const struct mps_couple_past_entry *mps_couple_past_find(const struct mps_couple_past *past,
                                                         uint32_t path);
