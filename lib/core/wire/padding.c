/* SPDX-License-Identifier: MIT */
#include "padding.h"
#include "core/base/constants.h"

static const uint8_t zeros[4096];

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void mps_padding_make(struct mps_padding *pad, const struct mps_metrics *m)
{
    uint64_t len = (uint64_t)m->srtt_us * MPS_PADDING_RATE / 1000000u;

    *pad = (struct mps_padding){.len = 0};
    len = least(least(len, m->cwnd), MPS_PADDING_MAX);
    if (len < MPS_PADDING_MIN)
        return;
    pad->len = (uint32_t)len;
    mps_padding_encode_head((uint16_t)(len - MPS_PADDING_HEAD_LEN), pad->head);
}

int mps_padding_seal(struct mps_padding *pad, const struct mps_crypto *crypto,
                     const struct mps_seal *seal, uint64_t number)
{
    if (pad->len == 0 || pad->off > 0)
        return 0;
    return mps_seal_head(crypto, seal, number, pad->head, MPS_FRAME_PREFIX_LEN);
}

unsigned mps_padding_spans(const struct mps_padding *pad, struct mps_span *spans, unsigned max)
{
    uint32_t at = pad->off;
    unsigned n = 0;

    if (at < pad->len && at < MPS_PADDING_HEAD_LEN && n < max) {
        spans[n++] = (struct mps_span){(uint8_t *)pad->head + at, MPS_PADDING_HEAD_LEN - at};
        at = MPS_PADDING_HEAD_LEN;
    }
    while (at < pad->len && n < max) {
        size_t len = least(pad->len - at, sizeof(zeros));

        spans[n++] = (struct mps_span){(uint8_t *)zeros, len};
        at += (uint32_t)len;
    }
    return n;
}

size_t mps_padding_taken(struct mps_padding *pad, size_t n)
{
    if (n < pad->len - pad->off) {
        pad->off += (uint32_t)n;
        return n;
    }
    n = pad->len - pad->off;
    pad->len = pad->off = 0;
    return n;
}
