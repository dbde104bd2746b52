/* SPDX-License-Identifier: MIT */
/* The engine's clock: CLOCK_MONOTONIC in nanoseconds, as the core's verbs take it. */
#pragma once
#include "core/base/time.h"

mps_time_t mps_clock_now(void);

/* CLOCK_BOOTTIME: ages of what may live longer than the host is awake. */
mps_time_t mps_clock_with_sleep(void);
