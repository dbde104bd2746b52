/* SPDX-License-Identifier: MIT */
/*
 * The core's cryptographic effects by OpenSSL and getrandom(2); one object for each thread.
 *
 * What is dear is kept: contexts of the keys that are in use, as few as a busy thread needs, so
 * that idle connections hold none; a key share, which all connections use until it is replaced; and
 * the results of X25519 with the latest peers.
 */
#pragma once
#include <openssl/evp.h>
#include <stdbool.h>
#include "core/base/crypto.h"

#define MPS_OPENSSL_SETS   16 /* of contexts, a power of two; */
#define MPS_OPENSSL_WAYS   4  /* so many of each */
#define MPS_OPENSSL_AGREED 16

struct mps_openssl_mac {
    EVP_CIPHER_CTX *ctx; /* NULL: none so far */
    bool there;          /* it has the key: */
    uint8_t key[MPS_MAC_KEY_LEN];
};

struct mps_openssl_agreed {
    const struct mps_share *share; /* NULL: free */
    uint8_t peer[MPS_SHARE_LEN], result[MPS_SHARE_LEN];
};

struct mps_openssl {
    struct mps_crypto crypto; /* for the core; its user is this object */
    EVP_MD *md[3];            /* by enum mps_hash */
    EVP_MD_CTX *md_ctx;
    EVP_CIPHER *gcm; /* NULL: OpenSSL was not asked for these so far */
    struct mps_openssl_mac mac[MPS_OPENSSL_SETS][MPS_OPENSSL_WAYS];
    unsigned next_way;
    struct mps_share *share; /* for new connections; NULL: made at the next use */
    struct mps_openssl_agreed agreed[MPS_OPENSSL_AGREED];
    unsigned next_agreed;
    /* The share was used: it is time to think of the next one. NULL: nobody does. */
    void (*on_share_used)(void *user);
    void *user;
};

/*
 * The object must not move, and connections must be freed before it. OpenSSL is not used yet: that
 * would take some milliseconds.
 */
void mps_openssl_init(struct mps_openssl *ssl);
void mps_openssl_deinit(struct mps_openssl *ssl);

/*
 * Another share for connections to come, if it can be had. Also the way to have OpenSSL set itself
 * up before a connection waits for it.
 */
void mps_openssl_rotate(struct mps_openssl *ssl);

/* The same for what all threads have in common. 0, MPS_ECRYPTO. */
int mps_openssl_warm_up(void);
