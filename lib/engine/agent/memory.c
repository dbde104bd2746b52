/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>
#include "cgroup.h"
#include "clock.h"

#define LIMIT_MIN (UINT64_C(16) << 20)
#define PERIOD    (500 * MPS_MSEC)

static void *count(struct mps_memory *memory, void *p)
{
    memory->used += p ? malloc_usable_size(p) : 0;
    return p;
}

static void *zeroed(void *user, size_t size)
{
    return count(user, calloc(1, size));
}

static void *raw(void *user, size_t size)
{
    return count(user, malloc(size));
}

static void release(void *user, void *p)
{
    struct mps_memory *memory = user;

    memory->used -= p ? malloc_usable_size(p) : 0;
    free(p);
}

static uint64_t machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

void mps_memory_look(struct mps_memory *memory, mps_time_t now)
{
    struct mps_cgroup_memory group = mps_cgroup_memory(memory->root);
    uint64_t most = machine_memory(), limit = memory->configured;

    memory->looked_at = now;
    memory->tight = group.tight;
    if (group.limit < most)
        most = group.limit;
    if (limit == 0)
        limit = most / 8 > LIMIT_MIN ? most / 8 : LIMIT_MIN;
    memory->limit = limit / memory->engines;
}

/* Limits change while we run, and so does what others use. */
static bool scarce(void *user)
{
    struct mps_memory *memory = user;
    mps_time_t now = mps_clock_now();

    if (now - memory->looked_at >= PERIOD)
        mps_memory_look(memory, now);
    return memory->tight || memory->used > memory->limit;
}

void mps_memory_init(struct mps_memory *memory, uint64_t limit, unsigned engines)
{
    *memory = (struct mps_memory){
        .mem =
            {.alloc = zeroed, .alloc_raw = raw, .free = release, .scarce = scarce, .user = memory},
        .configured = limit,
        .engines = engines,
        .root = "",
    };
    mps_memory_look(memory, mps_clock_now());
}
