/* SPDX-License-Identifier: MIT */
/*
 * Memory comes through this table, so that tests can make every single allocation fail.
 * alloc returns zeroed storage or NULL; free accepts NULL. alloc_raw, where there is one, does not
 * zero: for large buffers that are written before they are read. scarce, where there is one, says
 * that so much is in use that buffers should become small. may, where there is one, says whether
 * buffers can take more, `needed`: of which there is none yet, and without which nothing goes on.
 * promise, where there is one, is told how many bytes the peer may send that have a right to be
 * kept and are not there yet.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mps_mem {
    void *(*alloc)(void *user, size_t size);
    void *(*alloc_raw)(void *user, size_t size); /* NULL: alloc serves */
    void (*free)(void *user, void *p);
    bool (*scarce)(void *user);                         /* NULL: never */
    bool (*may)(void *user, size_t bytes, bool needed); /* NULL: always */
    void (*promise)(void *user, uint64_t bytes);        /* NULL: nobody counts */
    void *user;
};

static inline void *mps_alloc(const struct mps_mem *mem, size_t size)
{
    return mem->alloc(mem->user, size);
}

static inline void *mps_alloc_raw(const struct mps_mem *mem, size_t size)
{
    return mem->alloc_raw ? mem->alloc_raw(mem->user, size) : mem->alloc(mem->user, size);
}

static inline void mps_free(const struct mps_mem *mem, void *p)
{
    mem->free(mem->user, p);
}

static inline bool mps_mem_scarce(const struct mps_mem *mem)
{
    return mem->scarce && mem->scarce(mem->user);
}

static inline bool mps_mem_may(const struct mps_mem *mem, size_t bytes, bool needed)
{
    return !mem->may || mem->may(mem->user, bytes, needed);
}

static inline void mps_mem_promise(const struct mps_mem *mem, uint64_t bytes)
{
    if (mem->promise)
        mem->promise(mem->user, bytes);
}
