/* SPDX-License-Identifier: MIT */
#include "purpose.h"
#include "core/sched/sched.h"

/* A path that stands by is asked so often, since it is needed at once when it is needed. */
#define STANDBY_KEEPALIVE (5 * MPS_SEC)

void mps_purpose_apply(enum mps_purpose purpose, const struct mps_sched_ops *sched,
                       struct mps_config *cfg)
{
    static const struct mps_sched_ops *const schedulers[] = {
#define SCHEDULER_OF(NAME, word, scheduler) [MPS_PURPOSE_##NAME] = &mps_sched_##scheduler,
        MPS_PURPOSES(SCHEDULER_OF)};
    struct mps_config initial;

    cfg->sched = sched ? sched : schedulers[purpose];
    mps_config_init(&initial);
    if (purpose == MPS_PURPOSE_HANDOVER && cfg->keepalive == initial.keepalive)
        cfg->keepalive = STANDBY_KEEPALIVE;
}
