/* SPDX-License-Identifier: MIT */
/* What subflows that have ended carried, by the pair of addresses that was their path. */
#pragma once
#include "core/base/addr.h"
#include "core/base/mem.h"

#define MPS_PAST_MAX 16

struct mps_past_path {
    struct mps_addr local, remote; /* ports do not count; family 0: of several pairs */
    uint64_t bytes_sent, bytes_received, bytes_reinjected;
    uint32_t subflows;
};

struct mps_past {
    unsigned n;
    struct mps_past_path path[MPS_PAST_MAX]; /* the last one may stand for all that had no place */
};

/* Add one to the right path. */
void mps_past_add(struct mps_past *self, const struct mps_past_path *ended);
