/* SPDX-License-Identifier: MIT */
/*
 * Frames: everything on a subflow after its opening messages. mptcpshim-protocol(7), "FRAMES".
 *
 *   0  1  type
 *   1  1  flags
 *   2  2  length of what follows the 8-byte prefix
 *   4  4  CRC32C of prefix (this field zero) and fixed part
 *   8  .. fixed part (its size depends on the type)
 *      16 MAC of prefix and fixed part (seal.h); all up to here is the head
 *      .. for DSS the payload and, in a checked one, the MAC of the payload
 *
 * DSS fixed part, 32 bytes: DSN(8) DATA_ACK(8) credit(8) CTRL_ACK(4) timestamp in us(4). Control
 * frames: CSN(4), then the fields of the type (frame_list.h); no payload. The first CSN is 0;
 * CTRL_ACK is the next CSN expected, so 0 until something came.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/addr.h"
#include "frame_list.h"
#include "opening.h"

#define MPS_FRAME_PREFIX_LEN 8
#define MPS_DSS_FIXED_LEN    32
#define MPS_DSS_OPEN_LEN     (MPS_FRAME_PREFIX_LEN + MPS_DSS_FIXED_LEN) /* without its MAC */
#define MPS_DSS_HEAD_LEN     (MPS_DSS_OPEN_LEN + MPS_MAC_LEN)
#define MPS_PADDING_HEAD_LEN (MPS_FRAME_PREFIX_LEN + MPS_MAC_LEN)
#define MPS_DSS_MAX_PAYLOAD  61440u
#define MPS_CTRL_MAX_LEN     128 /* whole control frame, prefix and MAC included */
#define MPS_FRAME_HEAD_MAX   MPS_CTRL_MAX_LEN

#define MPS_CTRL_TYPE(name, number, member, space, flags, fields) MPS_FRAME_##name = (number),
#define MPS_CTRL_NOTHING(kind, member, name)
enum mps_frame_type {
    MPS_FRAME_DSS = 1,
    MPS_FRAME_DSS_CHECKED = 2, /* parsed as DSS, with `checked` */
    MPS_CTRL_FRAMES(MPS_CTRL_TYPE, MPS_CTRL_NOTHING) MPS_FRAME_PADDING =
        0x80, /* skipped, as all up to 0xff are that are not known */
    /* others unknown: MPS_EPROTO */
};

#define MPS_DSS_FIN         0x01 /* DATA_FIN: takes the number dsn + payload length */
#define MPS_DSS_ACK_NOW     0x02 /* please acknowledge at once */
#define MPS_DSS_URGENT      0x04 /* the last byte of the payload is urgent (RFC 6093) */
#define MPS_DSS_VOUCHED     0x08 /* of the server: no early bytes wait for FINISHED */
#define MPS_DSS_FLAGS       0x0f
#define MPS_PRIO_BACKUP     0x01
#define MPS_CLOSE_TRANSIENT 0x01 /* the subflow may be tried again (RFC 8684 T flag) */

struct mps_dss {
    uint8_t flags;
    bool checked;         /* the payload's MAC is behind it; never without a payload */
    uint32_t payload_len; /* without the MAC */
    uint64_t dsn;
    uint64_t data_ack;
    uint64_t credit;
    uint32_t ctrl_ack;     /* next control sequence number expected */
    uint32_t timestamp_us; /* sender's clock, wraps; 0: none */
};

/* How a field of a control frame is held. */
#define MPS_CTRL_U8(name)    uint8_t name;
#define MPS_CTRL_U32(name)   uint32_t name;
#define MPS_CTRL_U64(name)   uint64_t name;
#define MPS_CTRL_ADDR(name)  struct mps_addr name;
#define MPS_CTRL_HMAC(name)  uint8_t name[MPS_HMAC_LEN];
#define MPS_CTRL_FLAGS(name) uint8_t name;

#define MPS_CTRL_STRUCT(name, number, member, space, flags, fields)                                \
    struct {                                                                                       \
        fields                                                                                     \
    } member;
#define MPS_CTRL_MEMBER(kind, member, name) MPS_CTRL_##kind(name)

/* One of the rows of frame_list.h; csn orders those that have one over
 * all subflows (mptcpshim-protocol(7), Control frames). */
struct mps_ctrl {
    enum mps_frame_type type;
    uint32_t csn;
    union {
        MPS_CTRL_FRAMES(MPS_CTRL_STRUCT, MPS_CTRL_MEMBER)
    };
};

struct mps_frame {
    enum mps_frame_type type;
    union {
        struct mps_dss dss;
        struct mps_ctrl ctrl;
    };
    /* Bytes after the head: payload and MAC of a DSS, or an unknown optional frame's rest. */
    uint32_t tail_len;
    bool skip; /* unknown optional frame */
};

/* Positive result of the functions that read. */
#define MPS_FRAME_MORE 1 /* need more bytes, *ret_need says how many in all */

/*
 * The head of a frame is at buf. On 0 *ret_head_len bytes of buf[0..len) are it, and their CRC is
 * right; on MPS_FRAME_MORE *ret_need >= len + 1. MPS_EPROTO, MPS_ECHECK.
 */
int mps_frame_head(const uint8_t *buf, size_t len, size_t *ret_head_len, size_t *ret_need);

/* What such a head says, once its MAC was found right; ret->tail_len bytes follow. MPS_EPROTO. */
int mps_frame_parse(const uint8_t *head, size_t head_len, struct mps_frame *ret);

/* Both; the MAC is not looked at. */
int mps_frame_parse_head(const uint8_t *buf, size_t len, struct mps_frame *ret,
                         size_t *ret_head_len, size_t *ret_need);

/* The encoders leave the MAC to seal.h: it belongs behind the bytes that they write. */

/* Encode the head of a DSS frame; its MAC, payload and the payload's MAC follow on the wire. */
void mps_dss_encode_head(const struct mps_dss *dss, uint8_t out[MPS_DSS_OPEN_LEN]);

/* Encode the head of a PADDING frame: its MAC and `len` bytes follow. */
void mps_padding_encode_head(uint16_t len, uint8_t out[MPS_FRAME_PREFIX_LEN]);

/* Encode a control frame, PING, PONG or FINISHED; returns its length without the MAC. */
size_t mps_ctrl_encode(const struct mps_ctrl *ctrl, uint8_t out[MPS_CTRL_MAX_LEN - MPS_MAC_LEN]);
