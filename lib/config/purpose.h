/* SPDX-License-Identifier: MIT */
/*
 * What connections are for, in words that users know: each stands for settings that can be made one
 * by one as well. mptcpshim(1), --for.
 */
#pragma once
#include "core/conn/conn.h"
#include "purpose_list.h"

enum mps_purpose {
#define MPS_PURPOSE_VALUE(NAME, word, scheduler) MPS_PURPOSE_##NAME,
    MPS_PURPOSES(MPS_PURPOSE_VALUE)
};

/*
 * Settings of a connection that is for `purpose`. What the user has chosen stays: `sched` if it is
 * not NULL, and a keepalive other than the default.
 */
void mps_purpose_apply(enum mps_purpose purpose, const struct mps_sched_ops *sched,
                       struct mps_config *cfg);
