/* SPDX-License-Identifier: MIT */
/* Keys, tokens and message authentication. RFC 6824 section 3.1 and 3.2, mptcpshim-protocol(7). */
#pragma once
#include <stdbool.h>
#include "opening.h"

/* Token of a key: the most significant 32 bits of its SHA-1 (RFC 6824 section 3.2). */
int mps_auth_token(const struct mps_crypto *crypto, const uint8_t key[MPS_KEY_LEN],
                   uint32_t *ret_token);

/*
 * HMAC of one side of a join: HMAC-SHA1(own key || other key, own nonce || other nonce), "own"
 * being the side that sends it. Differs from RFC 6824: 128-bit nonces, never truncated.
 */
int mps_auth_join(const struct mps_crypto *crypto, const uint8_t own_key[MPS_KEY_LEN],
                  const uint8_t other_key[MPS_KEY_LEN], const uint8_t own_nonce[MPS_NONCE_LEN],
                  const uint8_t other_nonce[MPS_NONCE_LEN], uint8_t out[MPS_SHA1_LEN]);

/* Rightmost 64 bits of HMAC(sender key || receiver key, id || address || port), RFC 8684 3.4.1. */
int mps_auth_add_addr(const struct mps_crypto *crypto, const uint8_t sender_key[MPS_KEY_LEN],
                      const uint8_t receiver_key[MPS_KEY_LEN], mps_addr_id_t id,
                      const struct mps_addr *addr, uint8_t out[8]);

/* HMAC(sender key || receiver key, "FASTCLOSE" || reason). */
int mps_auth_fastclose(const struct mps_crypto *crypto, const uint8_t sender_key[MPS_KEY_LEN],
                       const uint8_t receiver_key[MPS_KEY_LEN], uint8_t reason,
                       uint8_t out[MPS_SHA1_LEN]);

/* Constant-time comparison. */
bool mps_auth_equal(const uint8_t *a, const uint8_t *b, size_t len);
