/* SPDX-License-Identifier: MIT */
#include "prng.h"

void prng_init(struct prng *rng, uint64_t seed)
{
    rng->state = seed;
}

uint64_t prng_next(struct prng *rng)
{
    uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t prng_below(struct prng *rng, uint64_t n)
{
    return n > 0 ? prng_next(rng) % n : 0;
}

uint64_t prng_range(struct prng *rng, uint64_t lo, uint64_t hi)
{
    return lo + prng_below(rng, hi - lo + 1);
}

uint64_t prng_log_range(struct prng *rng, uint64_t lo, uint64_t hi)
{
    unsigned doublings = 0;

    while (doublings < 63 && (lo << doublings) < hi && (lo << doublings) >> doublings == lo)
        doublings++;
    uint64_t from = lo << prng_below(rng, doublings + 1);
    uint64_t to = from <= hi / 2 ? 2 * from : hi;

    return from > hi ? hi : prng_range(rng, from, to);
}

bool prng_chance(struct prng *rng, unsigned permille)
{
    return prng_below(rng, 1000) < permille;
}
