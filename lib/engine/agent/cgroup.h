/* SPDX-License-Identifier: MIT */
/*
 * The memory limits of the control groups that this process is in, versions 1 and 2, with all their
 * ancestors that can be seen from here.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct mps_cgroup_memory {
    uint64_t limit; /* the smallest, UINT64_MAX: none */
    bool tight;     /* what cannot be taken back is above three quarters of one of them */
};

/* `root` comes before the names of all files: "" but in tests. What cannot be read is no limit. */
struct mps_cgroup_memory mps_cgroup_memory(const char *root);
