/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <time.h>

static mps_time_t read_clock(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (mps_time_t)ts.tv_sec * MPS_SEC + (mps_time_t)ts.tv_nsec;
}

mps_time_t mps_clock_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

mps_time_t mps_clock_with_sleep(void)
{
    return read_clock(CLOCK_BOOTTIME);
}
