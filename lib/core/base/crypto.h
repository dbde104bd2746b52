/* SPDX-License-Identifier: MIT */
/*
 * The cryptographic effects the core needs, provided by the engine (OpenSSL) or by a test.
 * Each function that returns an int gives 0, or MPS_ECRYPTO when the primitive failed; outputs are
 * then undefined. One object is used by one thread at a time.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "span.h"

#define MPS_SHA1_LEN     20
#define MPS_SHA256_LEN   32
#define MPS_HASH_LEN_MAX MPS_SHA256_LEN
#define MPS_SHARE_LEN    32 /* of X25519, and its result */
#define MPS_MAC_KEY_LEN  16
#define MPS_MAC_LEN      16

/* The numbers are those of the wire (HMAC_ALGS). */
enum mps_hash {
    MPS_SHA1 = 1,
    MPS_SHA256 = 2,
};

static inline size_t mps_hash_len(enum mps_hash alg)
{
    return alg == MPS_SHA1 ? MPS_SHA1_LEN : MPS_SHA256_LEN;
}

struct mps_hashing; /* SHA-256 of bytes that come one after the other; the provider's */

/* A private key of X25519; the provider has more of it. */
struct mps_share {
    uint8_t value[MPS_SHARE_LEN]; /* the public value */
};

struct mps_crypto {
    int (*random)(void *user, void *out, size_t len);
    int (*hash)(void *user, enum mps_hash alg, const void *data, size_t len, uint8_t *out);
    int (*hmac)(void *user, enum mps_hash alg, const void *key, size_t key_len, const void *data,
                size_t len, uint8_t *out);

    /* NULL: failed. `end` gives the hash, and frees; with NULL for `out` it frees only. */
    struct mps_hashing *(*hashing_begin)(void *user);
    int (*hashing_add)(void *user, struct mps_hashing *h, const void *data, size_t len);
    int (*hashing_end)(void *user, struct mps_hashing *h, uint8_t out[MPS_SHA256_LEN]);

    /*
     * Several connections use one share at the same time, and it lives until each of them has
     * released it. NULL: failed. `agree` is X25519 (RFC 7748); a result that is all zeros fails
     * with MPS_EPROTO.
     */
    struct mps_share *(*share_get)(void *user);
    void (*share_release)(void *user, struct mps_share *share);
    int (*agree)(void *user, struct mps_share *share, const uint8_t peer[MPS_SHARE_LEN],
                 uint8_t out[MPS_SHARE_LEN]);

    /*
     * AES-128-GMAC (NIST SP 800-38D) of the bytes of n spans, one after the other. The nonce is
     * four zero bytes and `number`, which is never used twice under a key.
     */
    int (*mac)(void *user, const uint8_t key[MPS_MAC_KEY_LEN], uint64_t number,
               const struct mps_span *spans, unsigned n, uint8_t out[MPS_MAC_LEN]);
    /* Nothing is kept of the key any more. */
    void (*mac_forget)(void *user, const uint8_t key[MPS_MAC_KEY_LEN]);
    void *user;
};
