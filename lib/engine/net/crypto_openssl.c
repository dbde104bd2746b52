/* SPDX-License-Identifier: MIT */
#include "crypto_openssl.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "core/base/err.h"

#define HMAC_BLOCK 64 /* of SHA-1 and SHA-256 */
#define IV_LEN     12

/* A share; the core sees its beginning. */
struct share {
    struct mps_share base;
    EVP_PKEY *key;
    unsigned refs;
};

static int random_bytes(void *user, void *out, size_t len)
{
    uint8_t *p = out;

    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return MPS_ECRYPTO;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* What is looked up once. */
static bool ready(struct mps_openssl *ssl)
{
    if (ssl->gcm)
        return true;
    if (!ssl->md[MPS_SHA1])
        ssl->md[MPS_SHA1] = EVP_MD_fetch(NULL, "SHA1", NULL);
    if (!ssl->md[MPS_SHA256])
        ssl->md[MPS_SHA256] = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!ssl->md_ctx)
        ssl->md_ctx = EVP_MD_CTX_new();
    if (ssl->md[MPS_SHA1] && ssl->md[MPS_SHA256] && ssl->md_ctx)
        ssl->gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    return ssl->gcm;
}

/* ---- hashes ---- */

/* Of two runs of bytes. */
static int digest(struct mps_openssl *ssl, enum mps_hash alg, const void *a, size_t a_len,
                  const void *b, size_t b_len, uint8_t *out)
{
    return ready(ssl) && EVP_DigestInit_ex2(ssl->md_ctx, ssl->md[alg], NULL) == 1 &&
                   EVP_DigestUpdate(ssl->md_ctx, a, a_len) == 1 &&
                   EVP_DigestUpdate(ssl->md_ctx, b, b_len) == 1 &&
                   EVP_DigestFinal_ex(ssl->md_ctx, out, NULL) == 1
               ? 0
               : MPS_ECRYPTO;
}

static int hash(void *user, enum mps_hash alg, const void *data, size_t len, uint8_t *out)
{
    return digest(user, alg, data, len, "", 0, out);
}

/* RFC 2104. OpenSSL's own looks the algorithm up each time, which takes longer than the hash. */
static int hmac(void *user, enum mps_hash alg, const void *key, size_t key_len, const void *data,
                size_t len, uint8_t *out)
{
    uint8_t pad[HMAC_BLOCK] = {0}, inner[MPS_HASH_LEN_MAX];
    int r = key_len <= HMAC_BLOCK ? 0 : MPS_ECRYPTO;

    if (r == 0)
        memcpy(pad, key, key_len);
    for (unsigned i = 0; i < HMAC_BLOCK; i++)
        pad[i] ^= 0x36;
    if (r == 0)
        r = digest(user, alg, pad, sizeof(pad), data, len, inner);
    for (unsigned i = 0; i < HMAC_BLOCK; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    if (r == 0)
        r = digest(user, alg, pad, sizeof(pad), inner, mps_hash_len(alg), out);
    OPENSSL_cleanse(pad, sizeof(pad));
    return r;
}

static struct mps_hashing *hashing_begin(void *user)
{
    struct mps_openssl *ssl = user;
    EVP_MD_CTX *ctx = ready(ssl) ? EVP_MD_CTX_new() : NULL;

    if (ctx && EVP_DigestInit_ex2(ctx, ssl->md[MPS_SHA256], NULL) == 1)
        return (struct mps_hashing *)ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

static int hashing_add(void *user, struct mps_hashing *h, const void *data, size_t len)
{
    return EVP_DigestUpdate((EVP_MD_CTX *)h, data, len) == 1 ? 0 : MPS_ECRYPTO;
}

static int hashing_end(void *user, struct mps_hashing *h, uint8_t out[MPS_SHA256_LEN])
{
    int r = !out || EVP_DigestFinal_ex((EVP_MD_CTX *)h, out, NULL) == 1 ? 0 : MPS_ECRYPTO;

    EVP_MD_CTX_free((EVP_MD_CTX *)h);
    return r;
}

/* ---- shares ---- */

static struct mps_share *share_new(struct mps_openssl *ssl)
{
    struct share *s = calloc(1, sizeof(*s));
    uint8_t secret[MPS_SHARE_LEN];
    size_t len = MPS_SHARE_LEN;

    if (!s)
        return NULL;
    s->refs = 1;
    if (ssl->crypto.random(ssl->crypto.user, secret, sizeof(secret)) == 0)
        s->key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, sizeof(secret));
    OPENSSL_cleanse(secret, sizeof(secret));
    if (s->key && EVP_PKEY_get_raw_public_key(s->key, s->base.value, &len) == 1)
        return &s->base;
    EVP_PKEY_free(s->key);
    free(s);
    return NULL;
}

static struct mps_share *share_get(void *user)
{
    struct mps_openssl *ssl = user;

    if (!ssl->share)
        ssl->share = share_new(ssl);
    if (!ssl->share)
        return NULL;
    ((struct share *)ssl->share)->refs++;
    if (ssl->on_share_used)
        ssl->on_share_used(ssl->user);
    return ssl->share;
}

static void share_release(void *user, struct mps_share *share)
{
    struct share *s = (struct share *)share;
    struct mps_openssl *ssl = user;

    if (--s->refs > 0)
        return;
    for (unsigned i = 0; i < MPS_OPENSSL_AGREED; i++) {
        if (ssl->agreed[i].share == share)
            OPENSSL_cleanse(&ssl->agreed[i], sizeof(ssl->agreed[i]));
    }
    EVP_PKEY_free(s->key);
    free(s);
}

void mps_openssl_rotate(struct mps_openssl *ssl)
{
    struct mps_share *old = ssl->share, *fresh = share_new(ssl);

    if (!fresh)
        return;
    ssl->share = fresh;
    if (old)
        share_release(ssl, old);
}

/* X25519. OpenSSL refuses a result that is all zeros, as RFC 7748 section 6.1 allows. */
static int derive(EVP_PKEY *own, const uint8_t peer[MPS_SHARE_LEN], uint8_t out[MPS_SHARE_LEN])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, MPS_SHARE_LEN);
    EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    size_t len = MPS_SHARE_LEN;
    int r = MPS_ECRYPTO;

    if (ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, key) == 1)
        r = EVP_PKEY_derive(ctx, out, &len) == 1 && len == MPS_SHARE_LEN ? 0 : MPS_EPROTO;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return r;
}

static int agree(void *user, struct mps_share *share, const uint8_t peer[MPS_SHARE_LEN],
                 uint8_t out[MPS_SHARE_LEN])
{
    struct mps_openssl *ssl = user;
    struct mps_openssl_agreed *a;
    int r;

    for (unsigned i = 0; i < MPS_OPENSSL_AGREED; i++) {
        a = &ssl->agreed[i];
        if (a->share == share && memcmp(a->peer, peer, MPS_SHARE_LEN) == 0) {
            memcpy(out, a->result, MPS_SHARE_LEN);
            return 0;
        }
    }
    r = derive(((struct share *)share)->key, peer, out);
    if (r < 0)
        return r;
    a = &ssl->agreed[ssl->next_agreed++ % MPS_OPENSSL_AGREED];
    a->share = share;
    memcpy(a->peer, peer, MPS_SHARE_LEN);
    memcpy(a->result, out, MPS_SHARE_LEN);
    return 0;
}

/* ---- MACs of frames ---- */

/* The key's context, or the place for one, whose key it is not. */
static struct mps_openssl_mac *place_of(struct mps_openssl *ssl, const uint8_t key[MPS_MAC_KEY_LEN])
{
    struct mps_openssl_mac *set = ssl->mac[key[0] % MPS_OPENSSL_SETS];

    for (unsigned i = 0; i < MPS_OPENSSL_WAYS; i++) {
        if (set[i].there && memcmp(set[i].key, key, MPS_MAC_KEY_LEN) == 0)
            return &set[i];
    }
    for (unsigned i = 0; i < MPS_OPENSSL_WAYS; i++) {
        if (!set[i].there)
            return &set[i];
    }
    set = &set[ssl->next_way++ % MPS_OPENSSL_WAYS];
    set->there = false;
    return set;
}

static EVP_CIPHER_CTX *mac_begin(struct mps_openssl *ssl, const uint8_t key[MPS_MAC_KEY_LEN],
                                 const uint8_t iv[IV_LEN])
{
    struct mps_openssl_mac *m = place_of(ssl, key);

    if (m->there)
        return EVP_EncryptInit_ex2(m->ctx, NULL, NULL, iv, NULL) == 1 ? m->ctx : NULL;
    if (!m->ctx && ready(ssl))
        m->ctx = EVP_CIPHER_CTX_new();
    if (!m->ctx || EVP_EncryptInit_ex2(m->ctx, ssl->gcm, key, iv, NULL) != 1)
        return NULL;
    memcpy(m->key, key, MPS_MAC_KEY_LEN);
    m->there = true;
    return m->ctx;
}

static int mac(void *user, const uint8_t key[MPS_MAC_KEY_LEN], uint64_t number,
               const struct mps_span *spans, unsigned n, uint8_t out[MPS_MAC_LEN])
{
    uint8_t iv[IV_LEN] = {0}, none[MPS_MAC_LEN];
    EVP_CIPHER_CTX *ctx;
    int len;

    for (unsigned i = 0; i < 8; i++)
        iv[4 + i] = (uint8_t)(number >> (56 - 8 * i));
    ctx = mac_begin(user, key, iv);
    if (!ctx)
        return MPS_ECRYPTO;
    for (unsigned i = 0; i < n; i++) {
        if (EVP_EncryptUpdate(ctx, NULL, &len, spans[i].p, (int)spans[i].n) != 1)
            return MPS_ECRYPTO;
    }
    return EVP_EncryptFinal_ex(ctx, none, &len) == 1 &&
                   EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, MPS_MAC_LEN, out) == 1
               ? 0
               : MPS_ECRYPTO;
}

static void mac_forget(void *user, const uint8_t key[MPS_MAC_KEY_LEN])
{
    struct mps_openssl *ssl = user;
    struct mps_openssl_mac *set = ssl->mac[key[0] % MPS_OPENSSL_SETS];

    for (unsigned i = 0; i < MPS_OPENSSL_WAYS; i++) {
        if (!set[i].there || memcmp(set[i].key, key, MPS_MAC_KEY_LEN) != 0)
            continue;
        EVP_CIPHER_CTX_reset(set[i].ctx); /* which wipes it */
        OPENSSL_cleanse(set[i].key, MPS_MAC_KEY_LEN);
        set[i].there = false;
    }
}

/* ---- the object ---- */

void mps_openssl_init(struct mps_openssl *ssl)
{
    *ssl = (struct mps_openssl){
        .crypto = {.random = random_bytes,
                   .hash = hash,
                   .hmac = hmac,
                   .hashing_begin = hashing_begin,
                   .hashing_add = hashing_add,
                   .hashing_end = hashing_end,
                   .share_get = share_get,
                   .share_release = share_release,
                   .agree = agree,
                   .mac = mac,
                   .mac_forget = mac_forget,
                   .user = ssl},
    };
}

void mps_openssl_deinit(struct mps_openssl *ssl)
{
    if (ssl->share)
        share_release(ssl, ssl->share);
    for (unsigned i = 0; i < MPS_OPENSSL_SETS * MPS_OPENSSL_WAYS; i++)
        EVP_CIPHER_CTX_free(ssl->mac[i / MPS_OPENSSL_WAYS][i % MPS_OPENSSL_WAYS].ctx);
    EVP_CIPHER_free(ssl->gcm);
    EVP_MD_CTX_free(ssl->md_ctx);
    EVP_MD_free(ssl->md[MPS_SHA1]);
    EVP_MD_free(ssl->md[MPS_SHA256]);
    OPENSSL_cleanse(ssl, sizeof(*ssl));
}

int mps_openssl_warm_up(void)
{
    struct mps_openssl ssl;
    struct mps_share *share;
    uint8_t out[MPS_SHARE_LEN];
    int r = MPS_ECRYPTO;

    /* A process may end while its threads still use what OpenSSL would take down. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
        return MPS_ECRYPTO;
    mps_openssl_init(&ssl);
    share = share_get(&ssl);
    if (share) {
        r = agree(&ssl, share, share->value, out);
        share_release(&ssl, share);
    }
    if (r == 0)
        r = hash(&ssl, MPS_SHA1, "", 0, out);
    if (r == 0)
        r = mac(&ssl, out, 0, NULL, 0, out);
    mps_openssl_deinit(&ssl);
    return r;
}
