/* SPDX-License-Identifier: MIT */
/*
 * What is sent again, why, and what for: of the bytes that one host repeats, by cause, those whose
 * copy came first, well before the original. There is only one simulation at a time.
 */
#pragma once
#include "core/trace/trace.h"
#include "world.h"

#define REPEATS_CAUSES 10 /* enum mps_cause */

struct repeats {
    uint64_t bytes[REPEATS_CAUSES];
    uint64_t useful[REPEATS_CAUSES]; /* of these: 10 ms before the original, or that never came */
};

/* Looks at what `sender` repeats from now on; before world_start. */
void repeats_watch(struct world *w, unsigned sender);

/* At the end: the sums; NULL-ended names by mps_cause_name. */
struct repeats repeats_end(void);
