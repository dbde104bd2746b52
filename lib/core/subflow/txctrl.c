/* SPDX-License-Identifier: MIT */
#include "txctrl.h"
#include <string.h>
#include "core/conn/query.h"

/* Without memory for more, control frames still go out one after the other. */
_Static_assert(MPS_SF_CTRL_FEW >= MPS_CTRL_MAX_LEN + 2 * MPS_DSS_HEAD_LEN, "one has its place");

void mps_sf_ctrl_init(struct mps_sf_tx *tx)
{
    tx->ctrl = tx->few_ctrl;
    tx->ctrl_size = MPS_SF_CTRL_FEW;
    tx->ctrl_off = tx->ctrl_len = tx->ack_at = tx->greeting = 0;
}

void mps_sf_ctrl_clear(struct mps_subflow *sf)
{
    struct mps_sf_tx *tx = &sf->tx;

    if (tx->ctrl != tx->few_ctrl)
        mps_free(sf->conn->env.mem, tx->ctrl);
    mps_sf_ctrl_init(tx);
}

bool mps_sf_ctrl_reserve(struct mps_subflow *sf, size_t len)
{
    struct mps_sf_tx *tx = &sf->tx;
    uint8_t *larger;

    if (tx->ctrl_len + len <= tx->ctrl_size)
        return true;
    if (tx->ctrl_size == MPS_SF_CTRL || tx->ctrl_len + len > MPS_SF_CTRL)
        return false;
    larger = mps_alloc_raw(sf->conn->env.mem, MPS_SF_CTRL);
    if (!larger)
        return false;
    memcpy(larger, tx->ctrl, tx->ctrl_len);
    tx->ctrl = larger;
    tx->ctrl_size = MPS_SF_CTRL;
    return true;
}

uint8_t *mps_sf_ctrl_place(struct mps_subflow *sf, size_t len)
{
    return mps_sf_ctrl_reserve(sf, len + 2 * MPS_DSS_HEAD_LEN) ? sf->tx.ctrl + sf->tx.ctrl_len
                                                               : NULL;
}

void mps_sf_ctrl_added(struct mps_sf_tx *tx, size_t len)
{
    tx->ctrl_len += (uint32_t)len;
    tx->ack_at = tx->ctrl_len;
}
