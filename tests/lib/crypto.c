/* SPDX-License-Identifier: MIT */
#include "crypto.h"
#include <stdbool.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include "core/base/err.h"

uint64_t test_random(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dull;
}

static bool fails(struct test_crypto *t)
{
    return t->fail && --t->fail == 0;
}

static int seeded_random(void *user, void *out, size_t len)
{
    struct test_crypto *t = user;
    uint8_t *p = out;

    if (fails(t))
        return MPS_ECRYPTO;
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(test_random(&t->rng) >> 56);
    return 0;
}

static int sha1(void *user, const void *data, size_t len, uint8_t out[MPS_SHA1_LEN])
{
    if (fails(user))
        return MPS_ECRYPTO;
    return EVP_Digest(data, len, out, NULL, EVP_sha1(), NULL) == 1 ? 0 : MPS_ECRYPTO;
}

static int hmac_sha1(void *user, const void *key, size_t key_len, const void *data, size_t len,
                     uint8_t out[MPS_SHA1_LEN])
{
    unsigned out_len = MPS_SHA1_LEN;

    if (fails(user))
        return MPS_ECRYPTO;
    return HMAC(EVP_sha1(), key, (int)key_len, data, len, out, &out_len) ? 0 : MPS_ECRYPTO;
}

void test_crypto_init(struct test_crypto *t, uint64_t seed)
{
    *t = (struct test_crypto){
        .crypto = {.random = seeded_random, .sha1 = sha1, .hmac_sha1 = hmac_sha1, .user = t},
        .rng = seed ? seed : 1,
    };
}
