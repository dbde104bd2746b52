/* SPDX-License-Identifier: MIT */
#include "faultmem.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAGIC 0x6661756c746d656dull

/* In front of each allocation; a multiple of the strictest alignment. */
struct header {
    uint64_t magic;
    size_t size;
};

static void *alloc(void *user, size_t size)
{
    struct faultmem *fm = user;
    struct header *h;

    fm->allocs += size >= fm->fail_size;
    if (fm->fail_at && size >= fm->fail_size &&
        (fm->allocs == fm->fail_at || (fm->fail_after && fm->allocs > fm->fail_at)))
        return NULL;
    h = calloc(1, sizeof(*h) + size);
    if (!h)
        return NULL;
    h->magic = MAGIC;
    h->size = size;
    fm->live++;
    fm->live_bytes += size;
    if (fm->live_bytes > fm->peak_bytes)
        fm->peak_bytes = fm->live_bytes;
    return h + 1;
}

static void release(void *user, void *p)
{
    struct faultmem *fm = user;
    struct header *h;

    if (!p)
        return;
    h = (struct header *)p - 1;
    if (h->magic != MAGIC) {
        fprintf(stderr, "faultmem: freed twice, or never allocated\n");
        abort();
    }
    h->magic = 0;
    fm->live--;
    fm->live_bytes -= h->size;
    free(h);
}

void faultmem_init(struct faultmem *fm)
{
    *fm = (struct faultmem){.mem = {.alloc = alloc, .free = release, .user = fm}};
}

void faultmem_arm(struct faultmem *fm, unsigned long fail_at)
{
    fm->allocs = 0;
    fm->fail_at = fail_at;
}

bool faultmem_failed(const struct faultmem *fm)
{
    return fm->fail_at && fm->allocs >= fm->fail_at;
}
