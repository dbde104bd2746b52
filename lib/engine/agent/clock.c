/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <time.h>

mps_time_t mps_clock_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (mps_time_t)ts.tv_sec * MPS_SEC + (mps_time_t)ts.tv_nsec;
}
