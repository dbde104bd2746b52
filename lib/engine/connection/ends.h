/* SPDX-License-Identifier: MIT */
/*
 * Why connections of this engine ended, for programs that ask afterwards: an AF_UNIX end can show a
 * reset only. The latest ones are remembered.
 */
#pragma once
#include <stdint.h>

#define MPS_ENDS 256u

/* All zero: nothing remembered. */
struct mps_ends {
    struct {
        uint64_t id;
        int error; /* errno value */
    } end[MPS_ENDS];
    unsigned next;
};

void mps_ends_add(struct mps_ends *ends, uint64_t id, int error);

/* 0: not known. */
int mps_ends_find(const struct mps_ends *ends, uint64_t id);
