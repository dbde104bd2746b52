/* SPDX-License-Identifier: MIT */
#include "txframes.h"
#include "core/conn/query.h"

struct mps_tx_frame *mps_sf_frame_at(struct mps_sf_tx *tx, uint32_t i)
{
    return &tx->frames[(tx->first + i) & (tx->size - 1)];
}

void mps_sf_frames_init(struct mps_sf_tx *tx)
{
    tx->frames = tx->few;
    tx->size = MPS_SF_FRAMES_FEW;
    tx->first = tx->n = 0;
}

/* The ring is empty: an idle subflow holds no more than it needs. */
static void shrink(struct mps_subflow *sf)
{
    struct mps_sf_tx *tx = &sf->tx;

    if (tx->frames != tx->few)
        mps_free(sf->conn->env.mem, tx->frames);
    mps_sf_frames_init(tx);
}

bool mps_sf_frames_reserve(struct mps_subflow *sf)
{
    struct mps_sf_tx *tx = &sf->tx;
    uint32_t n = tx->n;
    struct mps_tx_frame *ring;

    if (n < tx->size)
        return true;
    if (n == MPS_SF_FRAMES)
        return false;
    ring = mps_alloc(sf->conn->env.mem, MPS_SF_FRAMES * sizeof(*ring));
    if (!ring)
        return false;
    for (uint32_t i = 0; i < n; i++)
        ring[i] = *mps_sf_frame_at(tx, i);
    tx->frames = ring;
    tx->size = MPS_SF_FRAMES;
    tx->first = 0;
    return true;
}

uint32_t mps_sf_frame_len(const struct mps_tx_frame *f)
{
    return MPS_DSS_HEAD_LEN + f->len + (f->checked ? MPS_MAC_LEN : 0);
}

static void unpin(struct mps_subflow *sf, struct mps_tx_frame *f)
{
    if (f->cut)
        mps_sendq_unpin(&sf->conn->tx.sendq, &f->pin);
    f->cut = false;
    f->number = MPS_TX_UNSEALED;
}

bool mps_sf_frame_is_sealed(const struct mps_tx_frame *f)
{
    return f->number != MPS_TX_UNSEALED;
}

void mps_sf_frames_drop_first(struct mps_subflow *sf)
{
    struct mps_sf_tx *tx = &sf->tx;
    struct mps_tx_frame *f = mps_sf_frame_at(tx, 0);

    unpin(sf, f);
    tx->queued -= f->len;
    tx->first = (tx->first + 1) & (tx->size - 1);
    if (--tx->n == 0)
        shrink(sf);
}

/* Leaves out the bytes that were acknowledged while the frame waited. */
static void trim(struct mps_subflow *sf, struct mps_tx_frame *f)
{
    uint64_t acked = sf->conn->tx.acked;
    uint32_t cut;

    if (f->dsn >= acked)
        return;
    cut = acked - f->dsn < f->len ? (uint32_t)(acked - f->dsn) : f->len;
    f->dsn += cut;
    f->len -= cut;
    sf->tx.queued -= cut;
}

bool mps_sf_frame_cut(struct mps_subflow *sf, struct mps_tx_frame *f)
{
    if (f->cut)
        return true;
    trim(sf, f);
    if (mps_sendq_pin(&sf->conn->tx.sendq, f->dsn, f->len, &f->pin) < 0)
        return false;
    f->cut = true;
    f->checked = f->len > 0 && mps_sf_macs_wanted(sf);
    return true;
}

bool mps_sf_frames_add(struct mps_subflow *sf, uint64_t dsn, uint32_t len, uint8_t flags)
{
    struct mps_sf_tx *tx = &sf->tx;
    struct mps_tx_frame *f;

    if (!mps_sf_frames_reserve(sf))
        return false;
    f = mps_sf_frame_at(tx, tx->n++);
    f->dsn = dsn;
    f->len = len;
    f->flags = flags;
    f->off = 0;
    f->cut = f->checked = false;
    f->number = MPS_TX_UNSEALED;
    tx->queued += len;
    return true;
}

void mps_sf_frames_clear(struct mps_subflow *sf)
{
    struct mps_sf_tx *tx = &sf->tx;

    while (tx->n > 0 && mps_sf_frame_at(tx, tx->n - 1)->off == 0) {
        struct mps_tx_frame *f = mps_sf_frame_at(tx, tx->n - 1);

        unpin(sf, f);
        tx->queued -= f->len;
        if (--tx->n == 0)
            shrink(sf);
    }
}

void mps_sf_frames_deinit(struct mps_subflow *sf)
{
    while (sf->tx.n > 0)
        mps_sf_frames_drop_first(sf);
}
