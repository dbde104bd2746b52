/* SPDX-License-Identifier: MIT */
#include "simcrypto.h"
#include <stdlib.h>
#include <string.h>
#include "core/base/crc32c.h"
#include "core/base/err.h"

struct mps_hashing {
    uint64_t s[3];
};

static void absorb(struct mps_hashing *d, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < len; i++) {
        for (unsigned k = 0; k < 3; k++) {
            d->s[k] = (d->s[k] ^ p[i]) * (UINT64_C(0x100000001b3) + 2 * k);
            d->s[k] ^= d->s[k] >> 29;
        }
    }
}

static void finish(const struct mps_hashing *d, uint8_t *out, size_t len)
{
    struct prng rng;

    prng_init(&rng, d->s[0] ^ d->s[1] << 1 ^ d->s[2] << 2);
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)prng_next(&rng);
}

static int sim_random(void *user, void *out, size_t len)
{
    uint8_t *p = out;

    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)prng_next(user);
    return 0;
}

static int sim_hash(void *user, enum mps_hash alg, const void *data, size_t len, uint8_t *out)
{
    struct mps_hashing d = {{1, 2, 3}};

    (void)user;
    absorb(&d, data, len);
    finish(&d, out, mps_hash_len(alg));
    return 0;
}

static int sim_hmac(void *user, enum mps_hash alg, const void *key, size_t key_len,
                    const void *data, size_t len, uint8_t *out)
{
    struct mps_hashing d = {{4, 5, 6}};

    (void)user;
    absorb(&d, &(uint8_t){(uint8_t)key_len}, 1);
    absorb(&d, key, key_len);
    absorb(&d, data, len);
    finish(&d, out, mps_hash_len(alg));
    return 0;
}

static struct mps_hashing *sim_hashing_begin(void *user)
{
    (void)user;
    return calloc(1, sizeof(struct mps_hashing));
}

static int sim_hashing_add(void *user, struct mps_hashing *h, const void *data, size_t len)
{
    (void)user;
    absorb(h, data, len);
    return 0;
}

static int sim_hashing_end(void *user, struct mps_hashing *h, uint8_t out[MPS_SHA256_LEN])
{
    (void)user;
    if (out)
        finish(h, out, MPS_SHA256_LEN);
    free(h);
    return 0;
}

/* All hosts have one private key, so that it takes no state; the result depends on both values. */
static struct mps_share *sim_share_get(void *user)
{
    struct mps_share *share = calloc(1, sizeof(*share));

    if (share)
        sim_random(user, share->value, MPS_SHARE_LEN);
    return share;
}

static void sim_share_release(void *user, struct mps_share *share)
{
    (void)user;
    free(share);
}

static int sim_agree(void *user, struct mps_share *share, const uint8_t peer[MPS_SHARE_LEN],
                     uint8_t out[MPS_SHARE_LEN])
{
    static const uint8_t zero[MPS_SHARE_LEN];

    (void)user;
    if (memcmp(peer, zero, sizeof(zero)) == 0)
        return MPS_EPROTO;
    for (unsigned i = 0; i < MPS_SHARE_LEN; i++)
        out[i] = share->value[i] ^ peer[i];
    return 0;
}

static int sim_mac(void *user, const uint8_t key[MPS_MAC_KEY_LEN], uint64_t number,
                   const struct mps_span *spans, unsigned n, uint8_t out[MPS_MAC_LEN])
{
    uint32_t crc = 0;
    uint64_t x[2];

    (void)user;
    for (unsigned i = 0; i < n; i++)
        crc = mps_crc32c(crc, spans[i].p, spans[i].n);
    memcpy(x, key, sizeof(x));
    for (unsigned i = 0; i < 2; i++) {
        x[i] = (x[i] ^ crc ^ number << 32) * UINT64_C(0x9e3779b97f4a7c15);
        x[i] ^= x[i] >> 31;
    }
    memcpy(out, x, sizeof(x));
    return 0;
}

static void sim_mac_forget(void *user, const uint8_t key[MPS_MAC_KEY_LEN])
{
    (void)user;
    (void)key;
}

void simcrypto_init(struct mps_crypto *crypto, struct prng *rng)
{
    *crypto =
        (struct mps_crypto){sim_random,      sim_hash,        sim_hmac,       sim_hashing_begin,
                            sim_hashing_add, sim_hashing_end, sim_share_get,  sim_share_release,
                            sim_agree,       sim_mac,         sim_mac_forget, rng};
}
