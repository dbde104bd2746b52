/* SPDX-License-Identifier: MIT */
/*
 * Memory that counts what is alive and fails on demand: run a scenario with `fail_at` = 1, 2, ...
 * until faultmem_failed() says that no allocation was left to fail.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "core/base/mem.h"

struct faultmem {
    struct mps_mem mem;    /* hand this to the code under test */
    unsigned long allocs;  /* allocations asked for so far, failed ones included */
    unsigned long fail_at; /* number (from 1) of the one that fails; 0: none */
    bool fail_after;       /* all behind fail_at fail too */
    size_t fail_size;      /* smaller ones succeed and are not counted */
    long live;             /* allocations not freed yet */
    size_t live_bytes, peak_bytes;
};

/* No failures. The object must not move while storage is alive. */
void faultmem_init(struct faultmem *fm);

/* Start counting anew; the fail_at-th allocation from here fails. */
void faultmem_arm(struct faultmem *fm, unsigned long fail_at);

/* Whether the armed failure has happened. */
bool faultmem_failed(const struct faultmem *fm);
