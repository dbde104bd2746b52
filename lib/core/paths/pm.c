/* SPDX-License-Identifier: MIT */
#include "pm.h"
#include <string.h>

static const struct mps_pm_ops *const policies[] = {&mps_pm_pairs, &mps_pm_fullmesh};

#define N_POLICIES (sizeof(policies) / sizeof(policies[0]))

const struct mps_pm_ops *mps_pm_at(unsigned i)
{
    return i < N_POLICIES ? policies[i] : NULL;
}

const struct mps_pm_ops *mps_pm_find(const char *name)
{
    for (unsigned i = 0; i < N_POLICIES; i++) {
        if (strcmp(policies[i]->name, name) == 0)
            return policies[i];
    }
    return NULL;
}
