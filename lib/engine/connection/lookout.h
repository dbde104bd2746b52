/* SPDX-License-Identifier: MIT */
/*
 * When the kernel is asked for a subflow's measurements. Each look costs a system call. Where no
 * bytes move the measurements stay what they were, with one exception: bytes that were on their way
 * at the last look arrive without any event here.
 */
#pragma once
#include <stdbool.h>
#include "core/subflow/subflow.h"
#include "core/base/time.h"

struct mps_lookout {
    bool touched; /* bytes moved since the last look, or there was none yet */
    mps_time_t looked_at;
    mps_time_t busy_since; /* bytes on their way at each look since then, 0: none at the last */
};

bool mps_lookout_due(const struct mps_lookout *l, mps_time_t now);

/*
 * `m` is what the kernel says now. The kernel's age of the last acknowledgment counts a pause
 * before the bytes now on their way, too; here the age is at most the time since these bytes were
 * first seen.
 */
void mps_lookout_seen(struct mps_lookout *l, struct mps_metrics *m, mps_time_t now);
