/* SPDX-License-Identifier: MIT */
/* The core's cryptography for tests: that of the engine, with random numbers by a seed. */
#pragma once
#include <stdint.h>
#include "core/base/crypto.h"
#include "engine/net/crypto_openssl.h"

struct test_crypto {
    struct mps_crypto crypto;
    struct mps_openssl ssl;
    uint64_t rng;   /* state of the random numbers, xorshift64* */
    unsigned fail;  /* calls until one fails with MPS_ECRYPTO, 0: never */
    unsigned calls; /* so many were made */
};

/* The object must not move. */
void test_crypto_init(struct test_crypto *t, uint64_t seed);
void test_crypto_deinit(struct test_crypto *t);

/* The next number of a seeded sequence; *state must not be 0. */
uint64_t test_random(uint64_t *state);
