/* SPDX-License-Identifier: MIT */
/*
 * What was measured to pass: bytes in a window of about two seconds that slides by eighths. Unlike
 * TCP's estimate of what a path could carry it says what did pass, in either direction.
 */
#pragma once
#include "time.h"

#define MPS_METER_SLOTS 8
#define MPS_METER_SLOT  (256 * MPS_MSEC)

/* All zeros: nothing has passed. */
struct mps_meter {
    uint64_t slot; /* number of the newest, by the clock */
    uint64_t bytes[MPS_METER_SLOTS];
    mps_time_t since; /* the first byte, or the first after the window was empty */
};

void mps_meter_add(struct mps_meter *self, uint64_t n, mps_time_t now);

/*
 * Bytes per second over the window, or since the first byte if that is less; but at least over one
 * slot, so that a single packet is no peak.
 */
uint64_t mps_meter_rate(const struct mps_meter *self, mps_time_t now);
