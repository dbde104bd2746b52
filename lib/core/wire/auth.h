/* SPDX-License-Identifier: MIT */
/*
 * Keys, tokens and message authentication: what follows from what. mptcpshim-protocol(7),
 * "AUTHENTICATION"; tokens as in RFC 6824 section 3.2, derivation as in RFC 5869.
 */
#pragma once
#include <stdbool.h>
#include "opening.h"

/* A pre-shared key. Who has one lends it to the connections for as long as they live. */
struct mps_psk {
    uint8_t identity[MPS_IDENTITY_MAX];
    uint8_t identity_len;
    uint8_t key[MPS_PSK_MAX];
    uint8_t key_len;
};

/* Whose HMAC, or whose frames: the numbers of directions on the wire are these and one. */
enum mps_side {
    MPS_SIDE_CLIENT,
    MPS_SIDE_SERVER,
};

/* What both hosts of a connection know and nobody else does. */
struct mps_secrets {
    enum mps_hash alg;
    uint8_t main[MPS_HASH_LEN_MAX];       /* as many bytes of each as the hash has */
    uint8_t transcript[MPS_HASH_LEN_MAX]; /* hash of HELLO and its answer; no secret */
    uint8_t auth[2][MPS_HMAC_LEN];        /* by enum mps_side */
};

/* A whole opening message, as it was on the wire. */
struct mps_message {
    const uint8_t *p;
    size_t len;
};

/* Token of a key: the most significant 32 bits of its SHA-1 (RFC 6824 section 3.2). */
int mps_auth_token(const struct mps_crypto *crypto, const uint8_t key[MPS_KEY_LEN],
                   uint32_t *ret_token);

/* Key of the frames between HELLO and FINISHED. `psk`: NULL for none. */
int mps_auth_early(const struct mps_crypto *crypto, const struct mps_psk *psk,
                   const uint8_t key_c[MPS_KEY_LEN], struct mps_message hello,
                   uint8_t out[MPS_MAC_KEY_LEN]);

/* What the connection's secrets are made of. */
struct mps_ingredients {
    enum mps_hash alg;
    const struct mps_psk *psk; /* NULL: none */
    const uint8_t *agreed;     /* result of X25519, MPS_SHARE_LEN */
    const uint8_t *key_c, *key_s;
    struct mps_message hello, reply; /* the reply's HMAC does not matter */
};

int mps_auth_secrets(const struct mps_crypto *crypto, const struct mps_ingredients *from,
                     struct mps_secrets *ret);

/* The HMAC of HELLO_REPLY. */
int mps_auth_reply(const struct mps_crypto *crypto, const struct mps_secrets *secrets,
                   uint8_t out[MPS_HMAC_LEN]);

/* The HMAC of FINISHED; `early`: SHA-256 of all that the client has sent between HELLO and it. */
int mps_auth_finished(const struct mps_crypto *crypto, const struct mps_secrets *secrets,
                      const uint8_t early[MPS_SHA256_LEN], uint8_t out[MPS_HMAC_LEN]);

/*
 * The HMACs of both sides of a join. Differs from RFC 8684 section 3.2: over both whole messages,
 * and never truncated to 64 bits. The HMAC of `reply` does not matter.
 */
int mps_auth_join(const struct mps_crypto *crypto, const struct mps_secrets *secrets,
                  struct mps_message join, struct mps_message reply, uint8_t out[2][MPS_HMAC_LEN]);

/* A join's nonces; of the first subflow there are none (NULL). */
struct mps_nonces {
    const uint8_t *joining, *accepting;
};

/* Key of the frames that `sender` sends on a subflow. */
int mps_auth_frames(const struct mps_crypto *crypto, const struct mps_secrets *secrets,
                    uint32_t subflow_id, enum mps_side sender, struct mps_nonces nonces,
                    uint8_t out[MPS_MAC_KEY_LEN]);

/* Constant-time comparison. */
bool mps_auth_equal(const uint8_t *a, const uint8_t *b, size_t len);
