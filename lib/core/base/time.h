/* SPDX-License-Identifier: MIT */
/* Time is an argument of every verb, in nanoseconds of a clock that never runs backwards. */
#pragma once
#include <stdint.h>

typedef uint64_t mps_time_t;

#define MPS_NEVER ((mps_time_t)UINT64_MAX)
#define MPS_USEC  ((mps_time_t)1000)
#define MPS_MSEC  ((mps_time_t)1000000)
#define MPS_SEC   ((mps_time_t)1000000000)
