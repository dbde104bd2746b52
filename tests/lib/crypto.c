/* SPDX-License-Identifier: MIT */
#include "crypto.h"
#include <stdbool.h>
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
    t->calls++;
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

static int hash(void *user, enum mps_hash alg, const void *data, size_t len, uint8_t *out)
{
    struct test_crypto *t = user;

    return fails(t) ? MPS_ECRYPTO : t->ssl.crypto.hash(&t->ssl, alg, data, len, out);
}

static int hmac(void *user, enum mps_hash alg, const void *key, size_t key_len, const void *data,
                size_t len, uint8_t *out)
{
    struct test_crypto *t = user;

    return fails(t) ? MPS_ECRYPTO : t->ssl.crypto.hmac(&t->ssl, alg, key, key_len, data, len, out);
}

static struct mps_hashing *hashing_begin(void *user)
{
    struct test_crypto *t = user;

    return fails(t) ? NULL : t->ssl.crypto.hashing_begin(&t->ssl);
}

static int hashing_add(void *user, struct mps_hashing *h, const void *data, size_t len)
{
    struct test_crypto *t = user;

    return fails(t) ? MPS_ECRYPTO : t->ssl.crypto.hashing_add(&t->ssl, h, data, len);
}

static int hashing_end(void *user, struct mps_hashing *h, uint8_t out[MPS_SHA256_LEN])
{
    struct test_crypto *t = user;
    bool failing = out && fails(t);
    int r = t->ssl.crypto.hashing_end(&t->ssl, h, out);

    return failing ? MPS_ECRYPTO : r;
}

static struct mps_share *share_get(void *user)
{
    struct test_crypto *t = user;

    return fails(t) ? NULL : t->ssl.crypto.share_get(&t->ssl);
}

static void share_release(void *user, struct mps_share *share)
{
    struct test_crypto *t = user;

    t->ssl.crypto.share_release(&t->ssl, share);
}

static int agree(void *user, struct mps_share *share, const uint8_t peer[MPS_SHARE_LEN],
                 uint8_t out[MPS_SHARE_LEN])
{
    struct test_crypto *t = user;

    return fails(t) ? MPS_ECRYPTO : t->ssl.crypto.agree(&t->ssl, share, peer, out);
}

static int mac(void *user, const uint8_t key[MPS_MAC_KEY_LEN], uint64_t number,
               const struct mps_span *spans, unsigned n, uint8_t out[MPS_MAC_LEN])
{
    struct test_crypto *t = user;

    return fails(t) ? MPS_ECRYPTO : t->ssl.crypto.mac(&t->ssl, key, number, spans, n, out);
}

static void mac_forget(void *user, const uint8_t key[MPS_MAC_KEY_LEN])
{
    struct test_crypto *t = user;

    t->ssl.crypto.mac_forget(&t->ssl, key);
}

void test_crypto_init(struct test_crypto *t, uint64_t seed)
{
    *t = (struct test_crypto){
        .crypto = {seeded_random, hash, hmac, hashing_begin, hashing_add, hashing_end, share_get,
                   share_release, agree, mac, mac_forget, t},
        .rng = seed ? seed : 1,
    };
    mps_openssl_init(&t->ssl);
    t->ssl.crypto.random = seeded_random;
    t->ssl.crypto.user = t;
    mps_openssl_rotate(&t->ssl); /* to a share by the seed */
    t->calls = 0;
}

void test_crypto_deinit(struct test_crypto *t)
{
    mps_openssl_deinit(&t->ssl);
}
