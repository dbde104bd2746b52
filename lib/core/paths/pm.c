/* SPDX-License-Identifier: MIT */
#include "pm.h"
#include <string.h>

#define OPS(name) &mps_pm_##name,
static const struct mps_pm_ops *const managers[] = {MPS_PATH_MANAGERS(OPS)};

#define N_MANAGERS (sizeof(managers) / sizeof(managers[0]))

const struct mps_pm_ops *mps_pm_at(unsigned i)
{
    return i < N_MANAGERS ? managers[i] : NULL;
}

const struct mps_pm_ops *mps_pm_find(const char *name)
{
    for (unsigned i = 0; i < N_MANAGERS; i++) {
        if (strcmp(managers[i]->name, name) == 0)
            return managers[i];
    }
    return NULL;
}
