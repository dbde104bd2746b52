/* SPDX-License-Identifier: MIT */
#include "opening.h"
#include <string.h>
#include "core/base/crc32c.h"
#include "cursor.h"
#include "core/base/err.h"

/*
 * No application protocol starts so: 0xf5 occurs in no UTF-8 text, is no TLS record type, and as a
 * 32-bit length of either byte order is beyond 1 GiB; CR LF and NUL show translations on the way.
 */
const uint8_t mps_opening_magic[MPS_OPENING_MAGIC_LEN] = {
    0xf5, 'M', 'P', 'S', '\r', '\n', 0x00, 0xe1,
};

enum option_type {
    OPT_KEY = 1,
    OPT_CAPABILITIES = 2,
    OPT_CREDIT = 3,
    OPT_TOKEN = 4,
    OPT_SUBFLOW_ID = 5,
    OPT_ADDR_ID = 6,
    OPT_FLAGS = 7,
    OPT_NONCE = 8,
    OPT_HMAC = 9,
    OPT_REASON = 10,
    OPT_KEY_SHARE = 16,
    OPT_PSK_IDENTITY = 17,
    OPT_HMAC_ALGS = 18,
    OPT_COUNT
};

#define OPT_HEAD_LEN 4
#define OPT_CRITICAL 0x80
#define FLAG_BACKUP  0x01
#define CRC_OFFSET   12
#define CRC_LEN      4
#define BIT(opt)     (1u << (opt))

/* Lengths of values; an option without any is unknown. */
static const struct {
    uint8_t min, max;
} option_len[OPT_COUNT] = {
    [OPT_KEY] = {MPS_KEY_LEN, MPS_KEY_LEN},
    [OPT_CAPABILITIES] = {4, 4},
    [OPT_CREDIT] = {8, 8},
    [OPT_TOKEN] = {4, 4},
    [OPT_SUBFLOW_ID] = {4, 4},
    [OPT_ADDR_ID] = {1, 1},
    [OPT_FLAGS] = {1, 1},
    [OPT_NONCE] = {MPS_NONCE_LEN, MPS_NONCE_LEN},
    [OPT_HMAC] = {MPS_HMAC_LEN, MPS_HMAC_LEN},
    [OPT_REASON] = {1, 1},
    [OPT_KEY_SHARE] = {MPS_SHARE_LEN, MPS_SHARE_LEN},
    [OPT_PSK_IDENTITY] = {1, MPS_IDENTITY_MAX},
    [OPT_HMAC_ALGS] = {1, 255},
};

/* The mandatory options of each kind; no other known one is allowed, but those of may_have. */
static unsigned kind_options(unsigned kind)
{
    const unsigned hello = BIT(OPT_KEY) | BIT(OPT_CAPABILITIES) | BIT(OPT_CREDIT) |
                           BIT(OPT_KEY_SHARE) | BIT(OPT_HMAC_ALGS);

    switch (kind) {
    case MPS_OPENING_HELLO:
        return hello;
    case MPS_OPENING_HELLO_REPLY:
        return hello | BIT(OPT_HMAC);
    case MPS_OPENING_JOIN:
        return BIT(OPT_TOKEN) | BIT(OPT_SUBFLOW_ID) | BIT(OPT_ADDR_ID) | BIT(OPT_FLAGS) |
               BIT(OPT_NONCE);
    case MPS_OPENING_JOIN_REPLY:
        return BIT(OPT_ADDR_ID) | BIT(OPT_FLAGS) | BIT(OPT_NONCE) | BIT(OPT_HMAC);
    case MPS_OPENING_JOIN_CONFIRM:
        return BIT(OPT_HMAC);
    case MPS_OPENING_REFUSE:
        return BIT(OPT_REASON);
    default:
        return 0;
    }
}

static unsigned may_have(unsigned kind)
{
    return kind == MPS_OPENING_HELLO ? BIT(OPT_PSK_IDENTITY) : 0;
}

static uint32_t message_crc(const uint8_t *buf, size_t len)
{
    static const uint8_t zero[CRC_LEN];
    uint32_t crc = mps_crc32c(0, buf, CRC_OFFSET);

    crc = mps_crc32c(crc, zero, sizeof(zero));
    return mps_crc32c(crc, buf + MPS_OPENING_HEAD_LEN, len - MPS_OPENING_HEAD_LEN);
}

static uint8_t *hmac_of(struct mps_opening *msg)
{
    return msg->kind == MPS_OPENING_HELLO_REPLY ? msg->hello.hmac : msg->join.hmac;
}

/* Unknown ones are skipped, and one that comes twice counts once. */
static void read_algs(struct mps_hello *hello, struct mps_reader *r)
{
    while (mps_reader_left(r) > 0) {
        unsigned alg = mps_read_u8(r);

        if ((alg == MPS_SHA1 || alg == MPS_SHA256) &&
            (hello->n_algs == 0 || hello->algs[0] != (enum mps_hash)alg) &&
            hello->n_algs < MPS_ALGS_MAX)
            hello->algs[hello->n_algs++] = (enum mps_hash)alg;
    }
}

static void read_value(struct mps_opening *msg, unsigned type, struct mps_reader *r)
{
    switch (type) {
    case OPT_KEY:
        mps_read_bytes(r, msg->hello.key, MPS_KEY_LEN);
        break;
    case OPT_CAPABILITIES:
        msg->hello.capabilities = mps_read_u32(r);
        break;
    case OPT_CREDIT:
        msg->hello.credit = mps_read_u64(r);
        break;
    case OPT_TOKEN:
        msg->join.token = mps_read_u32(r);
        break;
    case OPT_SUBFLOW_ID:
        msg->join.subflow_id = mps_read_u32(r);
        break;
    case OPT_ADDR_ID:
        msg->join.addr_id = mps_read_u8(r);
        break;
    case OPT_FLAGS:
        msg->join.backup = mps_read_u8(r) & FLAG_BACKUP;
        break;
    case OPT_NONCE:
        mps_read_bytes(r, msg->join.nonce, MPS_NONCE_LEN);
        break;
    case OPT_HMAC:
        mps_read_bytes(r, hmac_of(msg), MPS_HMAC_LEN);
        break;
    case OPT_REASON:
        msg->reason = mps_read_u8(r);
        break;
    case OPT_KEY_SHARE:
        mps_read_bytes(r, msg->hello.share, MPS_SHARE_LEN);
        break;
    case OPT_PSK_IDENTITY:
        msg->hello.identity_len = (uint8_t)mps_reader_left(r);
        mps_read_bytes(r, msg->hello.identity, mps_reader_left(r));
        break;
    case OPT_HMAC_ALGS:
        read_algs(&msg->hello, r);
        break;
    default:
        break;
    }
}

/* The hashes: one at least that we know in HELLO, and just one in its answer. */
static int check_algs(const struct mps_opening *msg, size_t n_in_all)
{
    if (msg->kind == MPS_OPENING_HELLO)
        return msg->hello.n_algs > 0 ? 0 : MPS_EVERSION;
    if (msg->kind == MPS_OPENING_HELLO_REPLY)
        return msg->hello.n_algs == 1 && n_in_all == 1 ? 0 : MPS_EPROTO;
    return 0;
}

static int read_options(struct mps_opening *msg, struct mps_reader *r)
{
    unsigned wanted = kind_options(msg->kind), allowed = wanted | may_have(msg->kind), seen = 0;
    size_t n_algs = 0;

    while (mps_reader_left(r)) {
        unsigned type = mps_read_u8(r), flags = mps_read_u8(r);
        uint16_t len = mps_read_u16(r);
        const uint8_t *value = mps_read_ref(r, len);
        struct mps_reader v;

        if (r->bad || type == 0)
            return MPS_EPROTO;
        if (type >= OPT_COUNT || option_len[type].max == 0) {
            if (flags & OPT_CRITICAL)
                return MPS_EVERSION;
            continue;
        }
        /* A missing, repeated or misplaced option, or one of a wrong size, is never guessed at. */
        if (!(allowed & BIT(type)) || (seen & BIT(type)) || len < option_len[type].min ||
            len > option_len[type].max)
            return MPS_EPROTO;
        seen |= BIT(type);
        v = mps_reader_of(value, len);
        read_value(msg, type, &v);
        if (type == OPT_HMAC_ALGS)
            n_algs = len;
    }
    return (seen & wanted) == wanted ? check_algs(msg, n_algs) : MPS_EPROTO;
}

int mps_opening_parse(const uint8_t *buf, size_t len, struct mps_opening *ret, size_t *ret_len)
{
    struct mps_opening msg;
    struct mps_reader r;
    uint8_t version, kind;
    size_t total;
    uint32_t crc;
    int err;

    if (len == 0)
        return MPS_OPENING_MORE;
    if (memcmp(buf, mps_opening_magic, len < MPS_OPENING_MAGIC_LEN ? len : MPS_OPENING_MAGIC_LEN))
        return MPS_OPENING_FOREIGN;
    if (len < MPS_OPENING_HEAD_LEN)
        return MPS_OPENING_MORE;
    r = mps_reader_of(buf + MPS_OPENING_MAGIC_LEN, MPS_OPENING_HEAD_LEN - MPS_OPENING_MAGIC_LEN);
    version = mps_read_u8(&r);
    kind = mps_read_u8(&r);
    total = mps_read_u16(&r);
    crc = mps_read_u32(&r);
    if (total < MPS_OPENING_HEAD_LEN || total > MPS_OPENING_MAX_LEN)
        return MPS_EPROTO;
    if (len < total)
        return MPS_OPENING_MORE;
    /* Head and checksum are the same in all versions, so that a version is known to be meant. */
    if (crc != message_crc(buf, total))
        return MPS_ECHECK;
    if (version != MPS_VERSION)
        return MPS_EVERSION;
    if (!kind_options(kind))
        return MPS_EPROTO;

    memset(&msg, 0, offsetof(struct mps_opening, bytes));
    msg.kind = kind;
    r = mps_reader_of(buf + MPS_OPENING_HEAD_LEN, total - MPS_OPENING_HEAD_LEN);
    err = read_options(&msg, &r);
    if (err)
        return err;
    memcpy(ret, &msg, offsetof(struct mps_opening, bytes));
    memcpy(ret->bytes, buf, total);
    ret->len = total;
    *ret_len = total;
    return 0;
}

static void write_value(const struct mps_opening *msg, unsigned type, struct mps_writer *w)
{
    switch (type) {
    case OPT_KEY:
        mps_write_bytes(w, msg->hello.key, MPS_KEY_LEN);
        break;
    case OPT_CAPABILITIES:
        mps_write_u32(w, msg->hello.capabilities);
        break;
    case OPT_CREDIT:
        mps_write_u64(w, msg->hello.credit);
        break;
    case OPT_TOKEN:
        mps_write_u32(w, msg->join.token);
        break;
    case OPT_SUBFLOW_ID:
        mps_write_u32(w, msg->join.subflow_id);
        break;
    case OPT_ADDR_ID:
        mps_write_u8(w, msg->join.addr_id);
        break;
    case OPT_FLAGS:
        mps_write_u8(w, msg->join.backup ? FLAG_BACKUP : 0);
        break;
    case OPT_NONCE:
        mps_write_bytes(w, msg->join.nonce, MPS_NONCE_LEN);
        break;
    case OPT_HMAC:
        mps_write_bytes(w, hmac_of((struct mps_opening *)msg), MPS_HMAC_LEN);
        break;
    case OPT_REASON:
        mps_write_u8(w, msg->reason);
        break;
    case OPT_KEY_SHARE:
        mps_write_bytes(w, msg->hello.share, MPS_SHARE_LEN);
        break;
    case OPT_PSK_IDENTITY:
        mps_write_bytes(w, msg->hello.identity, msg->hello.identity_len);
        break;
    case OPT_HMAC_ALGS:
        for (unsigned i = 0; i < msg->hello.n_algs; i++)
            mps_write_u8(w, (uint8_t)msg->hello.algs[i]);
        break;
    default:
        break;
    }
}

static size_t value_len(const struct mps_opening *msg, unsigned type)
{
    if (type == OPT_PSK_IDENTITY)
        return msg->hello.identity_len;
    return type == OPT_HMAC_ALGS ? msg->hello.n_algs : option_len[type].min;
}

size_t mps_opening_encode(const struct mps_opening *msg, uint8_t out[MPS_OPENING_MAX_LEN])
{
    struct mps_writer w = mps_writer_of(out, MPS_OPENING_MAX_LEN);
    unsigned wanted = kind_options(msg->kind);
    struct mps_writer head;
    size_t total;

    if (msg->kind == MPS_OPENING_HELLO && msg->hello.identity_len > 0)
        wanted |= BIT(OPT_PSK_IDENTITY);
    memset(out, 0, MPS_OPENING_HEAD_LEN);
    w.p += MPS_OPENING_HEAD_LEN;
    for (unsigned type = 1; type < OPT_COUNT; type++) {
        if (!(wanted & BIT(type)))
            continue;
        mps_write_u8(&w, (uint8_t)type);
        mps_write_u8(&w, type == OPT_PSK_IDENTITY ? OPT_CRITICAL : 0);
        mps_write_u16(&w, (uint16_t)value_len(msg, type));
        write_value(msg, type, &w);
    }
    total = mps_writer_used(&w);

    head = mps_writer_of(out, MPS_OPENING_HEAD_LEN);
    mps_write_bytes(&head, mps_opening_magic, MPS_OPENING_MAGIC_LEN);
    mps_write_u8(&head, MPS_VERSION);
    mps_write_u8(&head, (uint8_t)msg->kind);
    mps_write_u16(&head, (uint16_t)total);
    mps_write_u32(&head, message_crc(out, total));
    return total;
}

void mps_opening_unsign(uint8_t *bytes, size_t len)
{
    size_t at = MPS_OPENING_HEAD_LEN;

    memset(bytes + CRC_OFFSET, 0, CRC_LEN);
    while (at + OPT_HEAD_LEN <= len) {
        size_t n = (size_t)bytes[at + 2] << 8 | bytes[at + 3];

        if (n > len - at - OPT_HEAD_LEN)
            return;
        if (bytes[at] == OPT_HMAC)
            memset(bytes + at + OPT_HEAD_LEN, 0, n);
        at += OPT_HEAD_LEN + n;
    }
}

const char *mps_reason_word(enum mps_reason reason)
{
    switch ((unsigned)reason) {
#define X(name, value, word)                                                                       \
    case value:                                                                                    \
        return word;
        MPS_REASONS(X)
#undef X
    default:
        return NULL;
    }
}
