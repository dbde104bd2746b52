/* SPDX-License-Identifier: MIT */
#include "ends.h"

void mps_ends_add(struct mps_ends *ends, uint64_t id, int error)
{
    ends->end[ends->next].id = id;
    ends->end[ends->next].error = error;
    ends->next = (ends->next + 1) % MPS_ENDS;
}

int mps_ends_find(const struct mps_ends *ends, uint64_t id)
{
    for (unsigned i = 0; i < MPS_ENDS; i++) {
        if (ends->end[i].error != 0 && ends->end[i].id == id)
            return ends->end[i].error;
    }
    return 0;
}
