/* SPDX-License-Identifier: MIT */
/*
 * A subflow's frames: the input is cut into frames as a receiver does it, once as it is and once
 * with the CRC of each head made right. The first byte is of no use any more.
 */
#include <string.h>
#include "check.h"
#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "core/wire/frame.h"

#define STREAM_MAX 8192

/* Encode what was parsed: it must come out as something that parses to the same. */
static void check_frame(const struct mps_frame *f)
{
    uint8_t once[MPS_FRAME_HEAD_MAX], again[MPS_FRAME_HEAD_MAX];
    struct mps_frame parsed;
    size_t len = MPS_DSS_HEAD_LEN, head, need;

    if (f->skip) {
        CHECK(f->type >= 0x80 && f->tail_len <= UINT16_MAX);
        return;
    }
    memset(once, 0, sizeof(once)); /* their MACs */
    memset(again, 0, sizeof(again));
    if (f->type == MPS_FRAME_DSS) {
        CHECK(f->dss.payload_len <= MPS_DSS_MAX_PAYLOAD);
        CHECK(f->tail_len == f->dss.payload_len + (f->dss.checked ? MPS_MAC_LEN : 0));
        CHECK(!f->dss.checked || f->dss.payload_len > 0);
        CHECK(f->dss.dsn + f->dss.payload_len >= f->dss.dsn);
        mps_dss_encode_head(&f->dss, once);
    } else {
        CHECK(f->tail_len == 0 && f->ctrl.type == f->type);
        len = mps_ctrl_encode(&f->ctrl, once) + MPS_MAC_LEN;
    }
    CHECK(len <= MPS_FRAME_HEAD_MAX);
    CHECK(mps_frame_parse_head(once, len, &parsed, &head, &need) == 0);
    CHECK(head == len && parsed.type == f->type && parsed.tail_len == f->tail_len);
    if (f->type == MPS_FRAME_DSS)
        mps_dss_encode_head(&parsed.dss, again);
    else
        CHECK(mps_ctrl_encode(&parsed.ctrl, again) == len - MPS_MAC_LEN);
    CHECK(memcmp(once, again, len) == 0);
}

/* Make the CRC right of the head that begins at p, as far as there is one. */
static void seal(uint8_t *p, size_t len)
{
    size_t head;
    uint32_t crc;

    if (len < MPS_FRAME_PREFIX_LEN)
        return;
    head = (size_t)p[2] << 8 | p[3];
    if (head < MPS_MAC_LEN)
        return;
    head = MPS_FRAME_PREFIX_LEN + (p[0] & 0x80 ? 0 : head - MPS_MAC_LEN);
    if (p[0] == MPS_FRAME_DSS || p[0] == MPS_FRAME_DSS_CHECKED)
        head = MPS_DSS_OPEN_LEN;
    if (head > len)
        return;
    memset(p + 4, 0, 4);
    crc = mps_crc32c(0, p, head);
    for (unsigned i = 0; i < 4; i++)
        p[4 + i] = (uint8_t)(crc >> (24 - 8 * i));
}

static void walk(uint8_t *p, size_t len, bool mend)
{
    while (len) {
        struct mps_frame f;
        size_t head = 0, need = 0;
        int r;

        if (mend)
            seal(p, len);
        r = mps_frame_parse_head(p, len, &f, &head, &need);
        if (r == MPS_FRAME_MORE) {
            CHECK(need > len && need <= MPS_FRAME_HEAD_MAX);
            return;
        }
        CHECK(r == 0 || r == MPS_EPROTO || r == MPS_ECHECK);
        if (r)
            return;
        CHECK(head >= MPS_FRAME_PREFIX_LEN && head <= len && head <= MPS_FRAME_HEAD_MAX);
        check_frame(&f);
        CHECK(mps_frame_parse_head(p, head - 1, &f, &head, &need) == MPS_FRAME_MORE);
        p += head;
        len -= head;
        if (f.tail_len > len)
            return;
        p += f.tail_len;
        len -= f.tail_len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t *copy;

    if (len < 1 || len > STREAM_MAX)
        return 0;
    len--;
    copy = malloc(len ? len : 1); /* of the exact size, so that a sanitizer sees its end */
    CHECK(copy);
    memcpy(copy, data + 1, len);
    walk(copy, len, false);
    walk(copy, len, true);
    free(copy);
    return 0;
}
