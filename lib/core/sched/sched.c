/* SPDX-License-Identifier: MIT */
#include "sched.h"
#include <string.h>

static const struct mps_sched_ops *const policies[] = {
    &mps_sched_ecf,       &mps_sched_minrtt, &mps_sched_roundrobin,
    &mps_sched_redundant, &mps_sched_backup,
};

#define N_POLICIES (sizeof(policies) / sizeof(policies[0]))

const struct mps_sched_ops *mps_sched_at(unsigned i)
{
    return i < N_POLICIES ? policies[i] : NULL;
}

const struct mps_sched_ops *mps_sched_find(const char *name)
{
    for (unsigned i = 0; i < N_POLICIES; i++) {
        if (strcmp(policies[i]->name, name) == 0)
            return policies[i];
    }
    return NULL;
}
