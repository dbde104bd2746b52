/* SPDX-License-Identifier: MIT */
#include "simcrypto.h"
#include <string.h>

struct digest {
    uint64_t s[3];
};

static void absorb(struct digest *d, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < len; i++) {
        for (unsigned k = 0; k < 3; k++) {
            d->s[k] = (d->s[k] ^ p[i]) * (UINT64_C(0x100000001b3) + 2 * k);
            d->s[k] ^= d->s[k] >> 29;
        }
    }
}

static void finish(struct digest *d, uint8_t out[MPS_SHA1_LEN])
{
    struct prng rng;

    prng_init(&rng, d->s[0] ^ d->s[1] << 1 ^ d->s[2] << 2);
    for (unsigned i = 0; i < MPS_SHA1_LEN; i++)
        out[i] = (uint8_t)prng_next(&rng);
}

static int sim_random(void *user, void *out, size_t len)
{
    uint8_t *p = out;

    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)prng_next(user);
    return 0;
}

static int sim_sha1(void *user, const void *data, size_t len, uint8_t out[MPS_SHA1_LEN])
{
    struct digest d = {{1, 2, 3}};

    (void)user;
    absorb(&d, data, len);
    finish(&d, out);
    return 0;
}

static int sim_hmac_sha1(void *user, const void *key, size_t key_len, const void *data, size_t len,
                         uint8_t out[MPS_SHA1_LEN])
{
    struct digest d = {{4, 5, 6}};

    (void)user;
    absorb(&d, &(uint8_t){(uint8_t)key_len}, 1);
    absorb(&d, key, key_len);
    absorb(&d, data, len);
    finish(&d, out);
    return 0;
}

void simcrypto_init(struct mps_crypto *crypto, struct prng *rng)
{
    *crypto = (struct mps_crypto){sim_random, sim_sha1, sim_hmac_sha1, rng};
}
