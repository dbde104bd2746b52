/* SPDX-License-Identifier: MIT */
/* A subflow's slot, 0 to 31, and its bit in a mask of them. */
#pragma once
#include <stdint.h>

static inline uint32_t mps_slot_bit(unsigned slot)
{
    return UINT32_C(1) << slot;
}
