/* SPDX-License-Identifier: MIT */
#include "frame.h"
#include <string.h>
#include "core/base/crc32c.h"
#include "cursor.h"
#include "core/base/err.h"

#define TYPE_OPTIONAL 0x80 /* this bit: skipped when unknown */
#define CRC_OFFSET    4
#define CSN_LEN       4
#define IPV4_LEN      4
#define IPV6_LEN      16
#define IPV6_MORE     (IPV6_LEN - IPV4_LEN)

struct prefix {
    uint8_t type, flags;
    uint16_t len;
    uint32_t crc;
};

static uint32_t head_crc(const uint8_t *buf, size_t head_len)
{
    uint8_t prefix[MPS_FRAME_PREFIX_LEN] = {0};
    uint32_t crc;

    memcpy(prefix, buf, CRC_OFFSET);
    crc = mps_crc32c(0, prefix, sizeof(prefix));
    return mps_crc32c(crc, buf + MPS_FRAME_PREFIX_LEN, head_len - MPS_FRAME_PREFIX_LEN);
}

/* ---- the rows of frame_list.h ---- */

enum kind {
    U8,
    U32,
    U64,
    ADDR,
    HMAC,
    FLAGS,
};

/* The control sequence number: one of the space, zero, or none. */
enum csn {
    ORDERED,
    OUTSIDE,
    UNNUMBERED,
};

/* Bytes on the wire; of an address those with IPv4. */
static const uint8_t size_of[] = {
    [U8] = 1, [U32] = 4, [U64] = 8, [ADDR] = 1 + 2 + IPV4_LEN, [HMAC] = MPS_HMAC_LEN, [FLAGS] = 0,
};

struct field {
    enum kind kind;
    size_t at; /* in struct mps_ctrl */
};

#define FIELDS_MAX 4

struct row {
    bool known;
    enum csn csn;
    uint8_t flags;
    unsigned n;
    struct field fields[FIELDS_MAX];
};

#define FIELD(kind, member, name) {kind, offsetof(struct mps_ctrl, member.name)},
#define COUNT(...)                (sizeof((struct field[]){__VA_ARGS__}) / sizeof(struct field))
#define ROW(name, number, member, space, mask, list)                                               \
    [number] = {true, space, mask, COUNT(list), {list}},

static const struct row rows[] = {MPS_CTRL_FRAMES(ROW, FIELD)};

/* NULL: no control frame. */
static const struct row *row_of(unsigned type)
{
    return type < sizeof(rows) / sizeof(rows[0]) && rows[type].known ? &rows[type] : NULL;
}

/* Whether `len` is right for it. */
static bool is_ctrl_len(const struct row *row, size_t len)
{
    size_t wanted = row->csn == UNNUMBERED ? 0 : CSN_LEN;
    bool has_addr = false;

    for (unsigned i = 0; i < row->n; i++) {
        wanted += size_of[row->fields[i].kind];
        has_addr |= row->fields[i].kind == ADDR;
    }
    return len == wanted || (has_addr && len == wanted + IPV6_MORE);
}

/* ---- parsing ---- */

static bool is_dss(uint8_t type)
{
    return type == MPS_FRAME_DSS || type == MPS_FRAME_DSS_CHECKED;
}

static int parse_dss(const struct prefix *prefix, struct mps_reader *r, struct mps_frame *ret)
{
    uint32_t tail = prefix->len - MPS_DSS_FIXED_LEN - MPS_MAC_LEN;
    struct mps_dss *dss = &ret->dss;
    uint64_t numbers;

    dss->checked = prefix->type == MPS_FRAME_DSS_CHECKED;
    if (dss->checked && tail <= MPS_MAC_LEN)
        return MPS_EPROTO;
    dss->payload_len = tail - (dss->checked ? MPS_MAC_LEN : 0);
    if (dss->payload_len > MPS_DSS_MAX_PAYLOAD)
        return MPS_EPROTO;
    dss->flags = prefix->flags & MPS_DSS_FLAGS;
    dss->dsn = mps_read_u64(r);
    dss->data_ack = mps_read_u64(r);
    dss->credit = mps_read_u64(r);
    dss->ctrl_ack = mps_read_u32(r);
    dss->timestamp_us = mps_read_u32(r);
    ret->tail_len = tail;

    /* Data sequence numbers do not wrap. */
    numbers = (uint64_t)dss->payload_len + (dss->flags & MPS_DSS_FIN ? 1 : 0);
    return dss->dsn > UINT64_MAX - numbers ? MPS_EPROTO : 0;
}

/* `left`: bytes of the fields behind it, which tell the family, too. */
static int parse_addr(struct mps_reader *r, size_t left, struct mps_addr *addr)
{
    addr->family = mps_read_u8(r);
    addr->port = mps_read_u16(r);
    if (addr->family != (mps_reader_left(r) == IPV4_LEN + left ? MPS_AF_INET : MPS_AF_INET6))
        return MPS_EPROTO;
    mps_read_bytes(r, addr->ip, mps_reader_left(r) - left);
    return 0;
}

static size_t len_behind(const struct row *row, unsigned i)
{
    size_t len = 0;

    while (++i < row->n)
        len += size_of[row->fields[i].kind];
    return len;
}

static int parse_ctrl(const struct prefix *prefix, struct mps_reader *r, struct mps_ctrl *ctrl)
{
    const struct row *row = row_of(prefix->type);
    int err = 0;

    ctrl->type = prefix->type;
    ctrl->csn = row->csn == UNNUMBERED ? 0 : mps_read_u32(r);
    for (unsigned i = 0; i < row->n && !err; i++) {
        const struct field *f = &row->fields[i];
        void *at = (uint8_t *)ctrl + f->at;

        switch (f->kind) {
        case U8:
            *(uint8_t *)at = mps_read_u8(r);
            break;
        case U32:
            *(uint32_t *)at = mps_read_u32(r);
            break;
        case U64:
            *(uint64_t *)at = mps_read_u64(r);
            break;
        case HMAC:
            mps_read_bytes(r, at, MPS_HMAC_LEN);
            break;
        case ADDR:
            err = parse_addr(r, len_behind(row, i), at);
            break;
        case FLAGS:
            *(uint8_t *)at = prefix->flags & row->flags;
            break;
        }
    }
    return !err && row->csn == OUTSIDE && ctrl->csn != 0 ? MPS_EPROTO : err;
}

static struct prefix read_prefix(const uint8_t *buf)
{
    struct mps_reader r = mps_reader_of(buf, MPS_FRAME_PREFIX_LEN);
    struct prefix prefix;

    prefix.type = mps_read_u8(&r);
    prefix.flags = mps_read_u8(&r);
    prefix.len = mps_read_u16(&r);
    prefix.crc = mps_read_u32(&r);
    return prefix;
}

/* Length of the head by its prefix, MAC included; 0: no frame of ours has such a prefix. */
static size_t head_len_of(const struct prefix *prefix)
{
    const struct row *row;

    if (prefix->len < MPS_MAC_LEN)
        return 0;
    if (is_dss(prefix->type))
        return prefix->len >= MPS_DSS_FIXED_LEN + MPS_MAC_LEN ? MPS_DSS_HEAD_LEN : 0;
    if (prefix->type & TYPE_OPTIONAL)
        return MPS_PADDING_HEAD_LEN;
    row = row_of(prefix->type);
    return row && is_ctrl_len(row, prefix->len - MPS_MAC_LEN) ? MPS_FRAME_PREFIX_LEN + prefix->len
                                                              : 0;
}

int mps_frame_head(const uint8_t *buf, size_t len, size_t *ret_head_len, size_t *ret_need)
{
    struct prefix prefix;
    size_t head_len;

    if (len < MPS_FRAME_PREFIX_LEN) {
        *ret_need = MPS_FRAME_PREFIX_LEN;
        return MPS_FRAME_MORE;
    }
    prefix = read_prefix(buf);
    head_len = head_len_of(&prefix);
    if (head_len == 0)
        return MPS_EPROTO;
    if (len < head_len) {
        *ret_need = head_len;
        return MPS_FRAME_MORE;
    }
    if (prefix.crc != head_crc(buf, head_len - MPS_MAC_LEN))
        return MPS_ECHECK;
    *ret_head_len = head_len;
    return 0;
}

int mps_frame_parse(const uint8_t *head, size_t head_len, struct mps_frame *ret)
{
    struct mps_reader r =
        mps_reader_of(head + MPS_FRAME_PREFIX_LEN, head_len - MPS_FRAME_PREFIX_LEN - MPS_MAC_LEN);
    struct prefix prefix = read_prefix(head);
    struct mps_frame frame;
    int err = 0;

    memset(&frame, 0, sizeof(frame));
    frame.type = prefix.type;
    if (is_dss(prefix.type)) {
        frame.type = MPS_FRAME_DSS;
        err = parse_dss(&prefix, &r, &frame);
    } else if (prefix.type & TYPE_OPTIONAL) {
        frame.skip = true;
        frame.tail_len = prefix.len - MPS_MAC_LEN;
    } else {
        err = parse_ctrl(&prefix, &r, &frame.ctrl);
    }
    if (err == 0)
        *ret = frame;
    return err;
}

int mps_frame_parse_head(const uint8_t *buf, size_t len, struct mps_frame *ret,
                         size_t *ret_head_len, size_t *ret_need)
{
    size_t head_len;
    int r = mps_frame_head(buf, len, &head_len, ret_need);

    if (r == 0)
        r = mps_frame_parse(buf, head_len, ret);
    if (r == 0)
        *ret_head_len = head_len;
    return r;
}

/* ---- writing ---- */

/* `len` bytes follow the head of open_len bytes, and its MAC. */
static void write_prefix(uint8_t *out, uint8_t type, uint8_t flags, size_t open_len, size_t len)
{
    struct mps_writer w = mps_writer_of(out, MPS_FRAME_PREFIX_LEN);

    mps_write_u8(&w, type);
    mps_write_u8(&w, flags);
    mps_write_u16(&w, (uint16_t)(open_len - MPS_FRAME_PREFIX_LEN + MPS_MAC_LEN + len));
    mps_write_u32(&w, head_crc(out, open_len));
}

void mps_dss_encode_head(const struct mps_dss *dss, uint8_t out[MPS_DSS_OPEN_LEN])
{
    struct mps_writer w = mps_writer_of(out + MPS_FRAME_PREFIX_LEN, MPS_DSS_FIXED_LEN);

    mps_write_u64(&w, dss->dsn);
    mps_write_u64(&w, dss->data_ack);
    mps_write_u64(&w, dss->credit);
    mps_write_u32(&w, dss->ctrl_ack);
    mps_write_u32(&w, dss->timestamp_us);
    write_prefix(out, dss->checked ? MPS_FRAME_DSS_CHECKED : MPS_FRAME_DSS, dss->flags,
                 MPS_DSS_OPEN_LEN, dss->payload_len + (dss->checked ? MPS_MAC_LEN : 0));
}

void mps_padding_encode_head(uint16_t len, uint8_t out[MPS_FRAME_PREFIX_LEN])
{
    write_prefix(out, MPS_FRAME_PADDING, 0, MPS_FRAME_PREFIX_LEN, len);
}

static void write_addr(struct mps_writer *w, const struct mps_addr *addr)
{
    mps_write_u8(w, addr->family);
    mps_write_u16(w, addr->port);
    mps_write_bytes(w, addr->ip, addr->family == MPS_AF_INET ? IPV4_LEN : IPV6_LEN);
}

/* Everything behind the CSN; returns the flags of the prefix. */
static uint8_t write_ctrl(const struct row *row, const struct mps_ctrl *ctrl, struct mps_writer *w)
{
    uint8_t flags = 0;

    for (unsigned i = 0; i < row->n; i++) {
        const struct field *f = &row->fields[i];
        const void *at = (const uint8_t *)ctrl + f->at;

        switch (f->kind) {
        case U8:
            mps_write_u8(w, *(const uint8_t *)at);
            break;
        case U32:
            mps_write_u32(w, *(const uint32_t *)at);
            break;
        case U64:
            mps_write_u64(w, *(const uint64_t *)at);
            break;
        case HMAC:
            mps_write_bytes(w, at, MPS_HMAC_LEN);
            break;
        case ADDR:
            write_addr(w, at);
            break;
        case FLAGS:
            flags = *(const uint8_t *)at;
            break;
        }
    }
    return flags;
}

size_t mps_ctrl_encode(const struct mps_ctrl *ctrl, uint8_t out[MPS_CTRL_MAX_LEN - MPS_MAC_LEN])
{
    struct mps_writer w = mps_writer_of(out, MPS_CTRL_MAX_LEN - MPS_MAC_LEN);
    const struct row *row = row_of(ctrl->type);
    uint8_t flags;
    size_t len;

    mps_write_u64(&w, 0); /* the prefix comes last */
    if (row->csn != UNNUMBERED)
        mps_write_u32(&w, row->csn == OUTSIDE ? 0 : ctrl->csn);
    flags = write_ctrl(row, ctrl, &w);
    len = mps_writer_used(&w);
    write_prefix(out, (uint8_t)ctrl->type, flags, len, 0);
    return len;
}
