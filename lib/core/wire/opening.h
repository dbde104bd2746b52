/* SPDX-License-Identifier: MIT */
/*
 * Opening messages: the first bytes of each direction of a TCP connection between two shims, and
 * the confirmation of a join. mptcpshim-protocol(7), "OPENING MESSAGES".
 *
 *   0  8  magic
 *   8  1  version (2)
 *   9  1  kind
 *  10  2  total length in bytes, 16..1024
 *  12  4  CRC32C of the message with this field zero
 *  16  .. options: type(1) flags(1, 0x80 critical) length(2) value; unknown ones are skipped,
 *         unknown critical ones refuse the message (MPS_EVERSION)
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/addr.h"
#include "core/base/crypto.h"

#define MPS_OPENING_MAGIC_LEN 8
#define MPS_OPENING_HEAD_LEN  16
#define MPS_OPENING_MAX_LEN   1024
#define MPS_VERSION           2

extern const uint8_t mps_opening_magic[MPS_OPENING_MAGIC_LEN];

enum mps_opening_kind {
    MPS_OPENING_HELLO = 1,        /* MP_CAPABLE from the connecting side */
    MPS_OPENING_HELLO_REPLY = 2,  /* MP_CAPABLE from the accepting side */
    MPS_OPENING_JOIN = 3,         /* MP_JOIN: token, nonce */
    MPS_OPENING_JOIN_REPLY = 4,   /* nonce and HMAC of the accepting side */
    MPS_OPENING_JOIN_CONFIRM = 5, /* HMAC of the connecting side */
    MPS_OPENING_REFUSE = 6,       /* reason; the sender closes */
};

/*
 * Reasons in REFUSE and SUBFLOW_CLOSE: those of MP_TCPRST (RFC 8684 section 3.6), then ours.
 * X(name, value on the wire, word in events and traces)
 */
#define MPS_REASONS(X)                                                                             \
    X(UNSPECIFIED, 0, "unspecified")                                                               \
    X(PROTOCOL, 1, "protocol")                                                                     \
    X(RESOURCES, 2, "resources")                                                                   \
    X(PROHIBITED, 3, "prohibited")                                                                 \
    X(TOO_MUCH_DATA, 4, "too_much_data")                                                           \
    X(BAD_PERFORMANCE, 5, "bad_performance")                                                       \
    X(MIDDLEBOX, 6, "middlebox")                                                                   \
    X(UNKNOWN_TOKEN, 16, "unknown_token")                                                          \
    X(BAD_HMAC, 17, "bad_hmac")                                                                    \
    X(VERSION, 18, "version")                                                                      \
    X(TIMEOUT, 19, "timeout")                                                                      \
    X(ADDRESS_GONE, 20, "address_gone")                                                            \
    X(BAD_MAC, 21, "bad_mac")

enum mps_reason {
#define X(name, value, word) MPS_REASON_##name = (value),
    MPS_REASONS(X)
#undef X
};

/* Its word, static storage; NULL for a value that has none, since the peer names what it likes. */
const char *mps_reason_word(enum mps_reason reason);

#define MPS_KEY_LEN      8
#define MPS_NONCE_LEN    16
#define MPS_HMAC_LEN     20
#define MPS_IDENTITY_MAX 255 /* name of a pre-shared key, */
#define MPS_PSK_MIN      16  /* and the key itself */
#define MPS_PSK_MAX      64
#define MPS_ALGS_MAX     2 /* hashes that we know */

#define MPS_JOIN_LEN 62u /* of a JOIN of ours, in all */

/* Bits of the capability option. */
#define MPS_CAP_PAYLOAD_MAC 0x00000001u /* asks for MACs of all payloads, both ways */
#define MPS_CAP_HELD        0x00000002u /* HELLO: no data is sent before the answer has come */

struct mps_hello {
    uint8_t key[MPS_KEY_LEN];
    uint32_t capabilities; /* MPS_CAP_* */
    uint64_t credit;       /* initial credit: first DSN the receiver of this may not send */
    uint8_t share[MPS_SHARE_LEN];
    /* Those that we know, the best one first; in HELLO_REPLY the one that is in force. */
    enum mps_hash algs[MPS_ALGS_MAX];
    unsigned n_algs;
    uint8_t identity[MPS_IDENTITY_MAX]; /* HELLO: of a pre-shared key */
    uint8_t identity_len;               /* 0: there is none */
    uint8_t hmac[MPS_HMAC_LEN];         /* HELLO_REPLY */
};

struct mps_join {
    uint32_t token;        /* of the receiver's key (JOIN only) */
    uint32_t subflow_id;   /* chosen by the joining side (JOIN only), see subflow.h */
    mps_addr_id_t addr_id; /* of the sender's address */
    bool backup;
    uint8_t nonce[MPS_NONCE_LEN]; /* JOIN and JOIN_REPLY */
    uint8_t hmac[MPS_HMAC_LEN];   /* JOIN_REPLY and JOIN_CONFIRM */
};

struct mps_opening {
    enum mps_opening_kind kind;
    union {
        struct mps_hello hello; /* HELLO, HELLO_REPLY */
        struct mps_join join;   /* JOIN, JOIN_REPLY, JOIN_CONFIRM */
        uint8_t reason;         /* REFUSE: enum mps_reason */
    };
    /* What was parsed, since HMACs are over whole messages. Not looked at by mps_opening_encode. */
    size_t len;
    uint8_t bytes[MPS_OPENING_MAX_LEN];
};

/* Positive results of mps_opening_parse. */
#define MPS_OPENING_MORE    1 /* a prefix of a valid message so far; need more bytes */
#define MPS_OPENING_FOREIGN 2 /* these bytes do not start with our magic */

/*
 * Parse the message at the head of buf[0..len). Looks at no byte after it. On 0, *ret holds it and
 * *ret_len its length; bytes after it belong to the frame layer. MPS_EPROTO, MPS_ECHECK,
 * MPS_EVERSION (version, unknown critical option, no hash that we know); outputs are untouched
 * unless 0.
 */
int mps_opening_parse(const uint8_t *buf, size_t len, struct mps_opening *ret, size_t *ret_len);

/* Encode into out[0..MPS_OPENING_MAX_LEN); returns the length (> 0). The input must be valid. */
size_t mps_opening_encode(const struct mps_opening *msg, uint8_t out[MPS_OPENING_MAX_LEN]);

/* The values of CRC and HMAC in a valid message become zero: HMACs are made of it so. */
void mps_opening_unsign(uint8_t *bytes, size_t len);
