/* SPDX-License-Identifier: MIT */
/* What always holds in a subflow (state.h), its connection aside. */
#include "core/conn/check.h"

static const char *check_frames(const struct mps_subflow *sf)
{
    const struct mps_sf_tx *tx = &sf->tx;
    uint64_t queued = 0;

    if (tx->size == 0 || tx->size & (tx->size - 1) || tx->size > MPS_SF_FRAMES || tx->n > tx->size)
        return "subflow: the ring of frames is no ring";
    for (uint32_t i = 0; i < tx->n; i++) {
        const struct mps_tx_frame *f = &tx->frames[(tx->first + i) & (tx->size - 1)];

        if (f->off > 0 && (i > 0 || !f->cut || f->number == MPS_TX_UNSEALED))
            return "subflow: a frame is begun that is not the first one, or not final";
        if (f->off > 0 && f->number >= tx->seal.next)
            return "subflow: a frame is begun whose number was not used";
        if (f->off >= MPS_DSS_HEAD_LEN + f->len + (f->checked ? MPS_MAC_LEN : 0))
            return "subflow: a frame is there that was written";
        queued += f->len;
    }
    return queued == tx->queued ? NULL : "subflow: the bytes queued are not those of the frames";
}

static const char *check_tx(const struct mps_subflow *sf)
{
    const struct mps_sf_tx *tx = &sf->tx;

    if (tx->ctrl_size != (tx->ctrl == tx->few_ctrl ? MPS_SF_CTRL_FEW : MPS_SF_CTRL))
        return "subflow: the place of the control bytes has another size";
    if (tx->ctrl != tx->few_ctrl && tx->ctrl_off == tx->ctrl_len)
        return "subflow: a large place is kept for no control bytes";
    if (tx->ctrl_len > tx->ctrl_size || tx->ctrl_off > tx->ctrl_len || tx->ack_at > tx->ctrl_len ||
        tx->greeting > tx->ctrl_len)
        return "subflow: the control bytes leave their place";
    if (sf->state == MPS_SF_DEAD && (tx->n > 0 || tx->ctrl_len > 0))
        return "subflow: one that has ended has something to send";
    return check_frames(sf);
}

static const char *check_rx(const struct mps_subflow *sf)
{
    const struct mps_sf_rx *rx = &sf->rx;

    if (!rx->opening != (sf->state == MPS_SF_DEAD || rx->mode != MPS_RX_OPENING))
        return "subflow: a place for an opening message is kept, or lacking";
    if (rx->have > (rx->opening ? MPS_OPENING_MAX_LEN : sizeof(rx->buf)) ||
        rx->need > sizeof(rx->buf))
        return "subflow: a head leaves its place";
    if (rx->starved && rx->mode != MPS_RX_HEAD)
        return "subflow: one that waits for memory has no head";
    if (!rx->chunk)
        return NULL;
    if (sf->state == MPS_SF_DEAD || (rx->mode != MPS_RX_PAYLOAD && rx->mode != MPS_RX_MAC))
        return "subflow: a place for a payload is kept and none comes";
    if (rx->mode == MPS_RX_PAYLOAD && (rx->left == 0 || rx->left > rx->chunk->len))
        return "subflow: more of the payload is awaited than its place";
    return rx->chunk->dsn + rx->chunk->len == rx->dss.dsn + rx->dss.payload_len
               ? NULL
               : "subflow: the place for a payload is that of another one";
}

const char *mps_sf_check(const struct mps_subflow *sf)
{
    const char *broken = check_tx(sf);

    if (sf->slot >= MPS_MAX_SUBFLOWS)
        return "subflow: no such slot";
    return broken ? broken : check_rx(sf);
}
