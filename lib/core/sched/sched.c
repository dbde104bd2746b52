/* SPDX-License-Identifier: MIT */
#include "sched.h"
#include <string.h>

#define OPS(name) &mps_sched_##name,
static const struct mps_sched_ops *const schedulers[] = {MPS_SCHEDULERS(OPS)};

#define FITS(name) _Static_assert(sizeof(#name) <= MPS_SCHED_NAME_MAX + 1, #name);
MPS_SCHEDULERS(FITS)

#define N_SCHEDULERS (sizeof(schedulers) / sizeof(schedulers[0]))

const struct mps_sched_ops *mps_sched_at(unsigned i)
{
    return i < N_SCHEDULERS ? schedulers[i] : NULL;
}

const struct mps_sched_ops *mps_sched_find(const char *name)
{
    for (unsigned i = 0; i < N_SCHEDULERS; i++) {
        if (strcmp(schedulers[i]->name, name) == 0)
            return schedulers[i];
    }
    return NULL;
}
