/* SPDX-License-Identifier: MIT */
#include "auth.h"
#include <string.h>
#include "cursor.h"
#include "core/base/err.h"

#define KEYS_LEN (2 * MPS_KEY_LEN)

static void join_keys(uint8_t keys[KEYS_LEN], const uint8_t first[MPS_KEY_LEN],
                      const uint8_t second[MPS_KEY_LEN])
{
    memcpy(keys, first, MPS_KEY_LEN);
    memcpy(keys + MPS_KEY_LEN, second, MPS_KEY_LEN);
}

int mps_auth_token(const struct mps_crypto *crypto, const uint8_t key[MPS_KEY_LEN],
                   uint32_t *ret_token)
{
    uint8_t digest[MPS_SHA1_LEN];
    struct mps_reader r;
    int err = crypto->sha1(crypto->user, key, MPS_KEY_LEN, digest);

    if (err)
        return err;
    r = mps_reader_of(digest, sizeof(digest));
    *ret_token = mps_read_u32(&r);
    return 0;
}

int mps_auth_join(const struct mps_crypto *crypto, const uint8_t own_key[MPS_KEY_LEN],
                  const uint8_t other_key[MPS_KEY_LEN], const uint8_t own_nonce[MPS_NONCE_LEN],
                  const uint8_t other_nonce[MPS_NONCE_LEN], uint8_t out[MPS_SHA1_LEN])
{
    uint8_t keys[KEYS_LEN], nonces[2 * MPS_NONCE_LEN];

    join_keys(keys, own_key, other_key);
    memcpy(nonces, own_nonce, MPS_NONCE_LEN);
    memcpy(nonces + MPS_NONCE_LEN, other_nonce, MPS_NONCE_LEN);
    return crypto->hmac_sha1(crypto->user, keys, sizeof(keys), nonces, sizeof(nonces), out);
}

int mps_auth_add_addr(const struct mps_crypto *crypto, const uint8_t sender_key[MPS_KEY_LEN],
                      const uint8_t receiver_key[MPS_KEY_LEN], mps_addr_id_t id,
                      const struct mps_addr *addr, uint8_t out[8])
{
    uint8_t keys[KEYS_LEN], data[1 + 16 + 2], digest[MPS_SHA1_LEN];
    struct mps_writer w = mps_writer_of(data, sizeof(data));
    int err;

    join_keys(keys, sender_key, receiver_key);
    mps_write_u8(&w, id);
    mps_write_bytes(&w, addr->ip, addr->family == MPS_AF_INET ? 4 : 16);
    mps_write_u16(&w, addr->port);
    err = crypto->hmac_sha1(crypto->user, keys, sizeof(keys), data, mps_writer_used(&w), digest);
    if (err)
        return err;
    memcpy(out, digest + MPS_SHA1_LEN - 8, 8);
    return 0;
}

int mps_auth_fastclose(const struct mps_crypto *crypto, const uint8_t sender_key[MPS_KEY_LEN],
                       const uint8_t receiver_key[MPS_KEY_LEN], uint8_t reason,
                       uint8_t out[MPS_SHA1_LEN])
{
    static const char label[] = "FASTCLOSE";
    uint8_t keys[KEYS_LEN], data[sizeof(label)];

    join_keys(keys, sender_key, receiver_key);
    memcpy(data, label, sizeof(label) - 1);
    data[sizeof(label) - 1] = reason; /* in the place of the string's NUL */
    return crypto->hmac_sha1(crypto->user, keys, sizeof(keys), data, sizeof(data), out);
}

bool mps_auth_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
    volatile uint8_t diff = 0;

    for (size_t i = 0; i < len; i++)
        diff |= a[i] ^ b[i];
    return diff == 0;
}
