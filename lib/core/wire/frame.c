/* SPDX-License-Identifier: MIT */
#include "frame.h"
#include <string.h>
#include "core/base/crc32c.h"
#include "cursor.h"
#include "core/base/err.h"

#define TYPE_OPTIONAL   0x80 /* this bit: skipped when unknown */
#define CRC_OFFSET      4
#define CSN_LEN         4
#define ADDR_HMAC_LEN   8
#define ADD_ADDR_LEN(n) (CSN_LEN + 4 + (n) + ADDR_HMAC_LEN) /* n: bytes of the address */

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

/* Whether `len` is right for a control frame of this type; false for other types. */
static bool is_ctrl_len(uint8_t type, size_t len)
{
    switch (type) {
    case MPS_FRAME_ADD_ADDR:
        return len == ADD_ADDR_LEN(4) || len == ADD_ADDR_LEN(16);
    case MPS_FRAME_REMOVE_ADDR:
        return len == CSN_LEN + 1;
    case MPS_FRAME_PRIO:
    case MPS_FRAME_PING:
    case MPS_FRAME_PONG:
        return len == CSN_LEN + 4;
    case MPS_FRAME_FAIL:
        return len == CSN_LEN + 4 + 8;
    case MPS_FRAME_FASTCLOSE:
        return len == CSN_LEN + 1 + MPS_SHA1_LEN;
    case MPS_FRAME_SUBFLOW_CLOSE:
        return len == CSN_LEN + 4 + 1;
    default:
        return false;
    }
}

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

static int parse_add_addr(struct mps_reader *r, uint8_t flags, struct mps_ctrl *ctrl)
{
    struct mps_addr *addr = &ctrl->add_addr.addr;
    size_t ip_len = mps_reader_left(r) + CSN_LEN == ADD_ADDR_LEN(4) ? 4 : 16;

    ctrl->add_addr.id = mps_read_u8(r);
    ctrl->add_addr.way = flags;
    addr->family = mps_read_u8(r);
    addr->port = mps_read_u16(r);
    mps_read_bytes(r, addr->ip, ip_len);
    mps_read_bytes(r, ctrl->add_addr.hmac, sizeof(ctrl->add_addr.hmac));
    return addr->family == (ip_len == 4 ? MPS_AF_INET : MPS_AF_INET6) ? 0 : MPS_EPROTO;
}

static int parse_ctrl(const struct prefix *prefix, struct mps_reader *r, struct mps_ctrl *ctrl)
{
    ctrl->type = prefix->type;
    ctrl->csn = mps_read_u32(r);
    switch (ctrl->type) {
    case MPS_FRAME_ADD_ADDR:
        return parse_add_addr(r, prefix->flags, ctrl);
    case MPS_FRAME_REMOVE_ADDR:
        ctrl->remove_addr.id = mps_read_u8(r);
        return 0;
    case MPS_FRAME_PRIO:
        ctrl->prio.subflow_id = mps_read_u32(r);
        ctrl->prio.flags = prefix->flags & MPS_PRIO_BACKUP;
        return 0;
    case MPS_FRAME_FAIL:
        ctrl->fail.subflow_id = mps_read_u32(r);
        ctrl->fail.dsn = mps_read_u64(r);
        return 0;
    case MPS_FRAME_FASTCLOSE:
        ctrl->fastclose.reason = mps_read_u8(r);
        mps_read_bytes(r, ctrl->fastclose.hmac, sizeof(ctrl->fastclose.hmac));
        return 0;
    case MPS_FRAME_SUBFLOW_CLOSE:
        ctrl->subflow_close.subflow_id = mps_read_u32(r);
        ctrl->subflow_close.flags = prefix->flags & MPS_CLOSE_TRANSIENT;
        ctrl->subflow_close.reason = mps_read_u8(r);
        return 0;
    case MPS_FRAME_PING:
    case MPS_FRAME_PONG:
        ctrl->ping.opaque = mps_read_u32(r);
        return ctrl->csn == 0 ? 0 : MPS_EPROTO;
    default:
        return MPS_EPROTO;
    }
}

/* Length of the head by its prefix, or 0 if no frame of ours has such a prefix. */
static size_t head_len_of(const struct prefix *prefix)
{
    if (is_dss(prefix->type))
        return prefix->len >= MPS_DSS_FIXED_LEN ? MPS_DSS_HEAD_LEN : 0;
    if (prefix->type & TYPE_OPTIONAL)
        return MPS_FRAME_PREFIX_LEN;
    return is_ctrl_len(prefix->type, prefix->len) ? MPS_FRAME_PREFIX_LEN + prefix->len : 0;
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

static void write_add_addr(const struct mps_ctrl *ctrl, struct mps_writer *w)
{
    const struct mps_addr *addr = &ctrl->add_addr.addr;

    mps_write_u8(w, ctrl->add_addr.id);
    mps_write_u8(w, addr->family);
    mps_write_u16(w, addr->port);
    mps_write_bytes(w, addr->ip, addr->family == MPS_AF_INET ? 4 : 16);
    mps_write_bytes(w, ctrl->add_addr.hmac, sizeof(ctrl->add_addr.hmac));
}

/* Everything behind the CSN; returns the flags of the prefix. */
static uint8_t write_ctrl(const struct mps_ctrl *ctrl, struct mps_writer *w)
{
    switch (ctrl->type) {
    case MPS_FRAME_ADD_ADDR:
        write_add_addr(ctrl, w);
        return ctrl->add_addr.way;
    case MPS_FRAME_REMOVE_ADDR:
        mps_write_u8(w, ctrl->remove_addr.id);
        return 0;
    case MPS_FRAME_PRIO:
        mps_write_u32(w, ctrl->prio.subflow_id);
        return ctrl->prio.flags;
    case MPS_FRAME_FAIL:
        mps_write_u32(w, ctrl->fail.subflow_id);
        mps_write_u64(w, ctrl->fail.dsn);
        return 0;
    case MPS_FRAME_FASTCLOSE:
        mps_write_u8(w, ctrl->fastclose.reason);
        mps_write_bytes(w, ctrl->fastclose.hmac, sizeof(ctrl->fastclose.hmac));
        return 0;
    case MPS_FRAME_SUBFLOW_CLOSE:
        mps_write_u32(w, ctrl->subflow_close.subflow_id);
        mps_write_u8(w, ctrl->subflow_close.reason);
        return ctrl->subflow_close.flags;
    case MPS_FRAME_PING:
    case MPS_FRAME_PONG:
        mps_write_u32(w, ctrl->ping.opaque);
        return 0;
    default:
        return 0;
    }
}

size_t mps_ctrl_encode(const struct mps_ctrl *ctrl, uint8_t out[MPS_CTRL_MAX_LEN])
{
    struct mps_writer w = mps_writer_of(out, MPS_CTRL_MAX_LEN);
    bool outside = ctrl->type == MPS_FRAME_PING || ctrl->type == MPS_FRAME_PONG;
    uint8_t flags;
    size_t len;

    mps_write_u64(&w, 0); /* the prefix comes last */
    mps_write_u32(&w, outside ? 0 : ctrl->csn);
    flags = write_ctrl(ctrl, &w);
    len = mps_writer_used(&w);
    write_prefix(out, (uint8_t)ctrl->type, flags, len - MPS_FRAME_PREFIX_LEN, len);
    return len;
}
