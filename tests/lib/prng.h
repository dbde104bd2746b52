/* SPDX-License-Identifier: MIT */
/* Seeded pseudo-random numbers (splitmix64): the same on every machine. Not for secrets. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct prng {
    uint64_t state;
};

void prng_init(struct prng *rng, uint64_t seed);
uint64_t prng_next(struct prng *rng);

/* 0 .. n - 1; 0 for n = 0. */
uint64_t prng_below(struct prng *rng, uint64_t n);

/* lo .. hi, both included. */
uint64_t prng_range(struct prng *rng, uint64_t lo, uint64_t hi);

/* lo .. hi with each power of two about equally likely; lo > 0. */
uint64_t prng_log_range(struct prng *rng, uint64_t lo, uint64_t hi);

/* True in `permille` of 1000 calls. */
bool prng_chance(struct prng *rng, unsigned permille);
