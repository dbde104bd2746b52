/* SPDX-License-Identifier: MIT */
/*
 * The cryptographic effects the core needs, provided by the engine (OpenSSL) or by a test.
 * Each returns 0, or MPS_ECRYPTO when the primitive failed; outputs are then undefined.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define MPS_SHA1_LEN 20

struct mps_crypto {
    int (*random)(void *user, void *out, size_t len);
    int (*sha1)(void *user, const void *data, size_t len, uint8_t out[MPS_SHA1_LEN]);
    int (*hmac_sha1)(void *user, const void *key, size_t key_len, const void *data, size_t len,
                     uint8_t out[MPS_SHA1_LEN]);
    void *user;
};
