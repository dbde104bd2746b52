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
    MAC8,
    MAC20,
    FLAGS,
};

/* Bytes on the wire; of an address those with IPv4. */
static const uint8_t size_of[] = {
    [U8] = 1,   [U32] = 4,    [U64] = 8,   [ADDR] = 1 + 2 + IPV4_LEN,
    [MAC8] = 8, [MAC20] = 20, [FLAGS] = 0,
};

struct field {
    enum kind kind;
    size_t at; /* in struct mps_ctrl */
};

#define FIELDS_MAX 4

struct row {
    bool known, outside; /* outside: of the control space */
    uint8_t flags;
    unsigned n;
    struct field fields[FIELDS_MAX];
};

#define ORDERED                   false
#define OUTSIDE                   true
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
    size_t wanted = CSN_LEN;
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
    uint32_t tail = prefix->len - MPS_DSS_FIXED_LEN;
    struct mps_dss *dss = &ret->dss;
    uint64_t numbers;

    dss->checked = prefix->type == MPS_FRAME_DSS_CHECKED;
    if (dss->checked && tail <= MPS_PAYLOAD_CRC_LEN)
        return MPS_EPROTO;
    dss->payload_len = tail - (dss->checked ? MPS_PAYLOAD_CRC_LEN : 0);
    if (dss->payload_len > MPS_DSS_MAX_PAYLOAD)
        return MPS_EPROTO;
    dss->flags = prefix->flags & (MPS_DSS_FIN | MPS_DSS_ACK_NOW | MPS_DSS_URGENT);
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
    ctrl->csn = mps_read_u32(r);
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
        case MAC8:
        case MAC20:
            mps_read_bytes(r, at, size_of[f->kind]);
            break;
        case ADDR:
            err = parse_addr(r, len_behind(row, i), at);
            break;
        case FLAGS:
            *(uint8_t *)at = prefix->flags & row->flags;
            break;
        }
    }
    return !err && row->outside && ctrl->csn != 0 ? MPS_EPROTO : err;
}

/* Length of the head by its prefix, or 0 if no frame of ours has such a prefix. */
static size_t head_len_of(const struct prefix *prefix)
{
    const struct row *row;

    if (is_dss(prefix->type))
        return prefix->len >= MPS_DSS_FIXED_LEN ? MPS_DSS_HEAD_LEN : 0;
    if (prefix->type & TYPE_OPTIONAL)
        return MPS_FRAME_PREFIX_LEN;
    row = row_of(prefix->type);
    return row && is_ctrl_len(row, prefix->len) ? MPS_FRAME_PREFIX_LEN + prefix->len : 0;
}

int mps_frame_parse_head(const uint8_t *buf, size_t len, struct mps_frame *ret,
                         size_t *ret_head_len, size_t *ret_need)
{
    struct mps_reader r = mps_reader_of(buf, len);
    struct prefix prefix;
    struct mps_frame frame;
    size_t head_len;
    int err = 0;

    if (len < MPS_FRAME_PREFIX_LEN) {
        *ret_need = MPS_FRAME_PREFIX_LEN;
        return MPS_FRAME_MORE;
    }
    prefix.type = mps_read_u8(&r);
    prefix.flags = mps_read_u8(&r);
    prefix.len = mps_read_u16(&r);
    prefix.crc = mps_read_u32(&r);
    head_len = head_len_of(&prefix);
    if (head_len == 0)
        return MPS_EPROTO;
    if (len < head_len) {
        *ret_need = head_len;
        return MPS_FRAME_MORE;
    }
    if (prefix.crc != head_crc(buf, head_len))
        return MPS_ECHECK;

    memset(&frame, 0, sizeof(frame));
    frame.type = prefix.type;
    r = mps_reader_of(buf + MPS_FRAME_PREFIX_LEN, head_len - MPS_FRAME_PREFIX_LEN);
    if (is_dss(prefix.type)) {
        frame.type = MPS_FRAME_DSS;
        err = parse_dss(&prefix, &r, &frame);
    } else if (prefix.type & TYPE_OPTIONAL) {
        frame.skip = true;
        frame.tail_len = prefix.len;
    } else {
        err = parse_ctrl(&prefix, &r, &frame.ctrl);
    }
    if (err)
        return err;
    *ret = frame;
    *ret_head_len = head_len;
    return 0;
}

/* ---- writing ---- */

static void write_prefix(uint8_t *out, uint8_t type, uint8_t flags, size_t len, size_t head_len)
{
    struct mps_writer w = mps_writer_of(out, MPS_FRAME_PREFIX_LEN);

    mps_write_u8(&w, type);
    mps_write_u8(&w, flags);
    mps_write_u16(&w, (uint16_t)len);
    mps_write_u32(&w, head_crc(out, head_len));
}

void mps_dss_encode_head(const struct mps_dss *dss, uint8_t out[MPS_DSS_HEAD_LEN])
{
    struct mps_writer w = mps_writer_of(out + MPS_FRAME_PREFIX_LEN, MPS_DSS_FIXED_LEN);

    mps_write_u64(&w, dss->dsn);
    mps_write_u64(&w, dss->data_ack);
    mps_write_u64(&w, dss->credit);
    mps_write_u32(&w, dss->ctrl_ack);
    mps_write_u32(&w, dss->timestamp_us);
    write_prefix(out, dss->checked ? MPS_FRAME_DSS_CHECKED : MPS_FRAME_DSS, dss->flags,
                 MPS_DSS_FIXED_LEN + dss->payload_len + (dss->checked ? MPS_PAYLOAD_CRC_LEN : 0),
                 MPS_DSS_HEAD_LEN);
}

void mps_padding_encode_head(uint16_t len, uint8_t out[MPS_FRAME_PREFIX_LEN])
{
    write_prefix(out, MPS_FRAME_PADDING, 0, len, MPS_FRAME_PREFIX_LEN);
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
        case MAC8:
        case MAC20:
            mps_write_bytes(w, at, size_of[f->kind]);
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

size_t mps_ctrl_encode(const struct mps_ctrl *ctrl, uint8_t out[MPS_CTRL_MAX_LEN])
{
    struct mps_writer w = mps_writer_of(out, MPS_CTRL_MAX_LEN);
    const struct row *row = row_of(ctrl->type);
    uint8_t flags;
    size_t len;

    mps_write_u64(&w, 0); /* the prefix comes last */
    mps_write_u32(&w, row->outside ? 0 : ctrl->csn);
    flags = write_ctrl(row, ctrl, &w);
    len = mps_writer_used(&w);
    write_prefix(out, (uint8_t)ctrl->type, flags, len - MPS_FRAME_PREFIX_LEN, len);
    return len;
}
