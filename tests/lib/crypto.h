/* SPDX-License-Identifier: MIT */
/* The core's cryptography for tests: SHA-1 and HMAC by OpenSSL, random numbers by a seed. */
#pragma once
#include <stdint.h>
#include "core/base/crypto.h"

struct test_crypto {
    struct mps_crypto crypto;
    uint64_t rng;  /* state of the random numbers, xorshift64* */
    unsigned fail; /* calls until one fails with MPS_ECRYPTO, 0: never */
};

void test_crypto_init(struct test_crypto *t, uint64_t seed);

/* The next number of a seeded sequence; *state must not be 0. */
uint64_t test_random(uint64_t *state);
