/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#define LIMIT_MIN (UINT64_C(16) << 20)

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

static bool scarce(void *user)
{
    const struct mps_memory *memory = user;

    return memory->used > memory->limit;
}

static uint64_t default_limit(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    uint64_t limit = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 8 : 0;

    return limit > LIMIT_MIN ? limit : LIMIT_MIN;
}

void mps_memory_init(struct mps_memory *memory, uint64_t limit, unsigned engines)
{
    *memory = (struct mps_memory){
        .mem =
            {.alloc = zeroed, .alloc_raw = raw, .free = release, .scarce = scarce, .user = memory},
        .limit = (limit ? limit : default_limit()) / engines,
    };
}
