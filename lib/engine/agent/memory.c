/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "cgroup.h"
#include "clock.h"

#define LIMIT_MIN (UINT64_C(16) << 20)
#define PERIOD    (500 * MPS_MSEC)
#define SCARCE    4 /* eighths of the limit */

/* What malloc itself keeps for each allocation. */
#define MALLOC_HEAD sizeof(size_t)

uint64_t mps_memory_size(void *p)
{
    return p ? malloc_usable_size(p) + MALLOC_HEAD : 0;
}

static void *count(struct mps_memory *memory, void *p)
{
    memory->used += mps_memory_size(p);
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

    memory->used -= mps_memory_size(p);
    free(p);
}

static uint64_t pages(long n)
{
    long size = sysconf(_SC_PAGESIZE);

    return n > 0 && size > 0 ? (uint64_t)n * (uint64_t)size : 0;
}

uint64_t mps_memory_of_process(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long resident = 0;

    if (!f)
        return 0;
    if (fscanf(f, "%*u %ld", &resident) != 1)
        resident = 0;
    fclose(f);
    return pages(resident);
}

void mps_memory_look(struct mps_memory *memory, mps_time_t now)
{
    struct mps_cgroup_memory group = mps_cgroup_memory(memory->root);
    uint64_t most = pages(sysconf(_SC_PHYS_PAGES)), limit = memory->configured;

    memory->looked_at = now;
    memory->tight = group.tight;
    if (group.limit < most)
        most = group.limit;
    if (limit == 0)
        limit = most / 8 > LIMIT_MIN ? most / 8 : LIMIT_MIN;
    /* Whatever the agent itself takes, connections have a part. */
    limit -= memory->own < limit / 2 ? memory->own : limit / 2;
    memory->limit = limit / memory->engines;
}

bool mps_memory_is_above(const struct mps_memory *memory, unsigned part, uint64_t more)
{
    return memory->used + memory->promised + more > memory->limit / 8 * part;
}

/* Limits change while we run, and so does what others use. */
bool mps_memory_is_scarce(struct mps_memory *memory)
{
    mps_time_t now = mps_clock_now();

    if (now - memory->looked_at >= PERIOD)
        mps_memory_look(memory, now);
    return memory->tight || mps_memory_is_above(memory, SCARCE, 0);
}

static bool scarce(void *user)
{
    return mps_memory_is_scarce(user);
}

void mps_memory_init(struct mps_memory *memory, uint64_t limit, uint64_t own, unsigned engines)
{
    *memory = (struct mps_memory){
        .mem =
            {.alloc = zeroed, .alloc_raw = raw, .free = release, .scarce = scarce, .user = memory},
        .configured = limit,
        .own = own,
        .engines = engines,
        .root = "",
    };
    mps_memory_look(memory, mps_clock_now());
}
