/* SPDX-License-Identifier: MIT */
#include "pm.h"
#include <string.h>

#define OPS(name) &mps_pm_##name,
static const struct mps_pm_ops *const policies[] = {MPS_PATH_MANAGERS(OPS)};

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
