/* SPDX-License-Identifier: MIT */
/*
 * The connections of the agent's process tree that stay plain TCP without coming to the agent:
 * their counts (handover/counts.h), and once a second their changes for the monitors.
 */
#pragma once
#include <ev.h>
#include "handover/counts.h"

struct mps_hub;

struct mps_plainwatch {
    struct mps_hub *hub;
    struct mps_counts *counts; /* NULL: there are none */
    ev_timer timer;
    uint32_t told[MPS_COUNTS_ROLES][MPS_PLAIN_REASONS];
};

/* `number` is the value of MPS_ENV_COUNTS; NULL: none. */
void mps_plainwatch_start(struct mps_plainwatch *self, struct mps_hub *hub, const char *number);

/* Harmless for one that was not started, all zeros. */
void mps_plainwatch_stop(struct mps_plainwatch *self);
