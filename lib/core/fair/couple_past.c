/* SPDX-License-Identifier: MIT */
#include "couple_past.h"
#include <stddef.h>

const struct mps_couple_past_entry *mps_couple_past_find(const struct mps_couple_past *past,
                                                         uint32_t path)
{
    for (unsigned i = 0; i < MPS_COUPLE_PAST; i++) {
        if (past->entry[i].at != 0 && past->entry[i].path == path)
            return &past->entry[i];
    }
    return NULL;
}

void mps_couple_past_keep(struct mps_couple_past *past, uint32_t path, mps_time_t at,
                          mps_time_t wait)
{
    struct mps_couple_past_entry *oldest = &past->entry[0];

    mps_couple_past_drop(past, path);
    for (unsigned i = 1; i < MPS_COUPLE_PAST; i++) {
        if (past->entry[i].at < oldest->at)
            oldest = &past->entry[i];
    }
    *oldest = (struct mps_couple_past_entry){path, at, wait};
}

void mps_couple_past_drop(struct mps_couple_past *past, uint32_t path)
{
    for (unsigned i = 0; i < MPS_COUPLE_PAST; i++) {
        if (past->entry[i].path == path)
            past->entry[i].at = 0;
    }
}
