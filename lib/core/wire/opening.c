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
    OPT_COUNT
};

#define OPT_HEAD_LEN 4
#define OPT_CRITICAL 0x80
#define FLAG_BACKUP  0x01
#define CRC_OFFSET   12
#define BIT(opt)     (1u << (opt))

static const uint8_t option_len[OPT_COUNT] = {
    [OPT_KEY] = MPS_KEY_LEN, [OPT_CAPABILITIES] = 4,      [OPT_CREDIT] = 8,
    [OPT_TOKEN] = 4,         [OPT_SUBFLOW_ID] = 4,        [OPT_ADDR_ID] = 1,
    [OPT_FLAGS] = 1,         [OPT_NONCE] = MPS_NONCE_LEN, [OPT_HMAC] = MPS_SHA1_LEN,
    [OPT_REASON] = 1,
};

/* The options of each kind: every one mandatory, and no other known one allowed. */
static unsigned kind_options(unsigned kind)
{
    switch (kind) {
    case MPS_OPENING_HELLO:
    case MPS_OPENING_HELLO_REPLY:
        return BIT(OPT_KEY) | BIT(OPT_CAPABILITIES) | BIT(OPT_CREDIT);
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

static uint32_t message_crc(const uint8_t *buf, size_t len)
{
    static const uint8_t zero[4];
    uint32_t crc = mps_crc32c(0, buf, CRC_OFFSET);

    crc = mps_crc32c(crc, zero, sizeof(zero));
    return mps_crc32c(crc, buf + MPS_OPENING_HEAD_LEN, len - MPS_OPENING_HEAD_LEN);
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
        mps_read_bytes(r, msg->join.hmac, MPS_SHA1_LEN);
        break;
    case OPT_REASON:
        msg->reason = mps_read_u8(r);
        break;
    default:
        break;
    }
}

static int read_options(struct mps_opening *msg, struct mps_reader *r)
{
    unsigned wanted = kind_options(msg->kind), seen = 0;

    while (mps_reader_left(r)) {
        unsigned type = mps_read_u8(r), flags = mps_read_u8(r);
        uint16_t len = mps_read_u16(r);
        const uint8_t *value = mps_read_ref(r, len);
        struct mps_reader v;

        if (r->bad)
            return MPS_EPROTO;
        if (type >= OPT_COUNT) {
            if (flags & OPT_CRITICAL)
                return MPS_EVERSION;
            continue;
        }
        /* A missing, repeated or misplaced option, or one of a wrong size, is never guessed at. */
        if (!(wanted & BIT(type)) || (seen & BIT(type)) || len != option_len[type])
            return MPS_EPROTO;
        seen |= BIT(type);
        v = mps_reader_of(value, len);
        read_value(msg, type, &v);
    }
    return seen == wanted ? 0 : MPS_EPROTO;
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

    memset(&msg, 0, sizeof(msg));
    msg.kind = kind;
    r = mps_reader_of(buf + MPS_OPENING_HEAD_LEN, total - MPS_OPENING_HEAD_LEN);
    err = read_options(&msg, &r);
    if (err)
        return err;
    *ret = msg;
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
        mps_write_bytes(w, msg->join.hmac, MPS_SHA1_LEN);
        break;
    case OPT_REASON:
        mps_write_u8(w, msg->reason);
        break;
    default:
        break;
    }
}

size_t mps_opening_encode(const struct mps_opening *msg, uint8_t out[MPS_OPENING_MAX_LEN])
{
    struct mps_writer w = mps_writer_of(out, MPS_OPENING_MAX_LEN);
    unsigned wanted = kind_options(msg->kind);
    struct mps_writer head;
    size_t total;

    memset(out, 0, MPS_OPENING_HEAD_LEN);
    w.p += MPS_OPENING_HEAD_LEN;
    for (unsigned type = 1; type < OPT_COUNT; type++) {
        if (!(wanted & BIT(type)))
            continue;
        mps_write_u8(&w, (uint8_t)type);
        mps_write_u8(&w, 0);
        mps_write_u16(&w, option_len[type]);
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
