/* SPDX-License-Identifier: MIT */
/*
 * Table of the live connections' tokens: a JOIN names its connection by a 32-bit token
 * (RFC 6824 section 3.2). Tokens are the first bits of a cryptographic hash of a random key of
 * ours, so nobody chooses them and they need no further hashing here.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "core/base/mem.h"

struct mps_token_slot {
    uint32_t token;
    void *value; /* NULL: free */
};

/* Open addressing with linear probing; n_slots is 0 or a power of two, at most 3/4 in use. */
struct mps_token_table {
    const struct mps_mem *mem;
    struct mps_token_slot *slots;
    size_t n_slots, n_used;
};

/* Positive result of mps_token_insert. */
#define MPS_TOKEN_TAKEN 1

void mps_token_init(struct mps_token_table *table, const struct mps_mem *mem);

/* Releases the table's memory; the values are the caller's. */
void mps_token_deinit(struct mps_token_table *table);

/* 0, MPS_TOKEN_TAKEN (a collision: choose another key; the table is unchanged), MPS_ENOMEM,
 * MPS_EINVAL for a NULL value. */
int mps_token_insert(struct mps_token_table *table, uint32_t token, void *value);

/* NULL if there is none. */
void *mps_token_find(const struct mps_token_table *table, uint32_t token);

/* Returns the value that was removed, or NULL. */
void *mps_token_remove(struct mps_token_table *table, uint32_t token);
