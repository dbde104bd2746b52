/* SPDX-License-Identifier: MIT */
#include "auth.h"
#include <string.h>
#include "core/base/err.h"
#include "core/base/wipe.h"
#include "cursor.h"

#define PROTOCOL_LABEL "mptcpshim 2 "
#define LABEL_MAX      32

int mps_auth_token(const struct mps_crypto *crypto, const uint8_t key[MPS_KEY_LEN],
                   uint32_t *ret_token)
{
    uint8_t digest[MPS_SHA1_LEN];
    struct mps_reader r;
    int err = crypto->hash(crypto->user, MPS_SHA1, key, MPS_KEY_LEN, digest);

    if (err)
        return err;
    r = mps_reader_of(digest, sizeof(digest));
    *ret_token = mps_read_u32(&r);
    return 0;
}

/* ---- derivation (RFC 5869) ---- */

/* HKDF-Extract. */
static int extract(const struct mps_crypto *crypto, enum mps_hash alg, const struct mps_psk *psk,
                   const uint8_t *from, size_t len, uint8_t out[MPS_HASH_LEN_MAX])
{
    return crypto->hmac(crypto->user, alg, psk ? psk->key : (const uint8_t *)"",
                        psk ? psk->key_len : 0, from, len, out);
}

/* The first block of HKDF-Expand, and n bytes of it. */
static int expand(const struct mps_crypto *crypto, enum mps_hash alg, const uint8_t *secret,
                  const char *label, struct mps_message context, uint8_t *out, size_t n)
{
    uint8_t info[LABEL_MAX + 2 * MPS_HASH_LEN_MAX + 2 * MPS_NONCE_LEN], block[MPS_HASH_LEN_MAX];
    struct mps_writer w = mps_writer_of(info, sizeof(info));
    int r;

    mps_write_bytes(&w, PROTOCOL_LABEL, sizeof(PROTOCOL_LABEL) - 1);
    mps_write_bytes(&w, label, strlen(label) + 1);
    mps_write_bytes(&w, context.p, context.len);
    mps_write_u8(&w, 1);
    r = crypto->hmac(crypto->user, alg, secret, mps_hash_len(alg), info, mps_writer_used(&w),
                     block);
    memcpy(out, block, n);
    mps_wipe(block, sizeof(block));
    return r;
}

int mps_auth_early(const struct mps_crypto *crypto, const struct mps_psk *psk,
                   const uint8_t key_c[MPS_KEY_LEN], struct mps_message hello,
                   uint8_t out[MPS_MAC_KEY_LEN])
{
    uint8_t early[MPS_SHA256_LEN], digest[MPS_SHA256_LEN];
    int r = extract(crypto, MPS_SHA256, psk, key_c, MPS_KEY_LEN, early);

    if (r == 0)
        r = crypto->hash(crypto->user, MPS_SHA256, hello.p, hello.len, digest);
    if (r == 0)
        r = expand(crypto, MPS_SHA256, early, "early", (struct mps_message){digest, sizeof(digest)},
                   out, MPS_MAC_KEY_LEN);
    mps_wipe(early, sizeof(early));
    return r;
}

/* HELLO, or JOIN, and the answer to it as if its CRC and HMAC were zero; returns the length. */
static size_t both_messages(struct mps_message first, struct mps_message answer,
                            uint8_t out[2 * MPS_OPENING_MAX_LEN])
{
    memcpy(out, first.p, first.len);
    memcpy(out + first.len, answer.p, answer.len);
    mps_opening_unsign(out + first.len, answer.len);
    return first.len + answer.len;
}

int mps_auth_secrets(const struct mps_crypto *crypto, const struct mps_ingredients *from,
                     struct mps_secrets *ret)
{
    uint8_t messages[2 * MPS_OPENING_MAX_LEN], mixed[MPS_SHARE_LEN + 2 * MPS_KEY_LEN];
    struct mps_writer w = mps_writer_of(mixed, sizeof(mixed));
    struct mps_message t = {ret->transcript, mps_hash_len(from->alg)};
    size_t len = both_messages(from->hello, from->reply, messages);
    int r;

    ret->alg = from->alg;
    mps_write_bytes(&w, from->agreed, MPS_SHARE_LEN);
    mps_write_bytes(&w, from->key_c, MPS_KEY_LEN);
    mps_write_bytes(&w, from->key_s, MPS_KEY_LEN);
    r = extract(crypto, from->alg, from->psk, mixed, sizeof(mixed), ret->main);
    if (r == 0)
        r = crypto->hash(crypto->user, from->alg, messages, len, ret->transcript);
    if (r == 0)
        r = expand(crypto, from->alg, ret->main, "client", t, ret->auth[MPS_SIDE_CLIENT],
                   MPS_HMAC_LEN);
    if (r == 0)
        r = expand(crypto, from->alg, ret->main, "server", t, ret->auth[MPS_SIDE_SERVER],
                   MPS_HMAC_LEN);
    mps_wipe(mixed, sizeof(mixed));
    return r;
}

int mps_auth_frames(const struct mps_crypto *crypto, const struct mps_secrets *secrets,
                    uint32_t subflow_id, enum mps_side sender, struct mps_nonces nonces,
                    uint8_t out[MPS_MAC_KEY_LEN])
{
    uint8_t context[MPS_HASH_LEN_MAX + 5 + 2 * MPS_NONCE_LEN];
    struct mps_writer w = mps_writer_of(context, sizeof(context));

    mps_write_bytes(&w, secrets->transcript, mps_hash_len(secrets->alg));
    mps_write_u32(&w, subflow_id);
    mps_write_u8(&w, (uint8_t)(sender + 1));
    if (nonces.joining) {
        mps_write_bytes(&w, nonces.joining, MPS_NONCE_LEN);
        mps_write_bytes(&w, nonces.accepting, MPS_NONCE_LEN);
    }
    return expand(crypto, secrets->alg, secrets->main, "frames",
                  (struct mps_message){context, mps_writer_used(&w)}, out, MPS_MAC_KEY_LEN);
}

/* ---- HMACs ---- */

/* Of the bytes m, by `sender`. */
static int sign(const struct mps_crypto *crypto, const struct mps_secrets *secrets,
                enum mps_side sender, const uint8_t *m, size_t len, uint8_t out[MPS_HMAC_LEN])
{
    enum mps_side other = sender == MPS_SIDE_CLIENT ? MPS_SIDE_SERVER : MPS_SIDE_CLIENT;
    uint8_t keys[2 * MPS_HMAC_LEN], digest[MPS_HASH_LEN_MAX];
    int r;

    memcpy(keys, secrets->auth[sender], MPS_HMAC_LEN);
    memcpy(keys + MPS_HMAC_LEN, secrets->auth[other], MPS_HMAC_LEN);
    r = crypto->hmac(crypto->user, secrets->alg, keys, sizeof(keys), m, len, digest);
    memcpy(out, digest, MPS_HMAC_LEN);
    mps_wipe(keys, sizeof(keys));
    return r;
}

int mps_auth_reply(const struct mps_crypto *crypto, const struct mps_secrets *secrets,
                   uint8_t out[MPS_HMAC_LEN])
{
    return sign(crypto, secrets, MPS_SIDE_SERVER, secrets->transcript, mps_hash_len(secrets->alg),
                out);
}

int mps_auth_finished(const struct mps_crypto *crypto, const struct mps_secrets *secrets,
                      const uint8_t early[MPS_SHA256_LEN], uint8_t out[MPS_HMAC_LEN])
{
    return sign(crypto, secrets, MPS_SIDE_CLIENT, early, MPS_SHA256_LEN, out);
}

int mps_auth_join(const struct mps_crypto *crypto, const struct mps_secrets *secrets,
                  struct mps_message join, struct mps_message reply, uint8_t out[2][MPS_HMAC_LEN])
{
    uint8_t messages[2 * MPS_OPENING_MAX_LEN];
    size_t len = both_messages(join, reply, messages);
    int r = sign(crypto, secrets, MPS_SIDE_CLIENT, messages, len, out[MPS_SIDE_CLIENT]);

    return r < 0 ? r : sign(crypto, secrets, MPS_SIDE_SERVER, messages, len, out[MPS_SIDE_SERVER]);
}

bool mps_auth_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
    volatile uint8_t diff = 0;

    for (size_t i = 0; i < len; i++)
        diff |= a[i] ^ b[i];
    return diff == 0;
}
