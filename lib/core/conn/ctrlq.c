/* SPDX-License-Identifier: MIT */
#include "ctrlq.h"
#include <string.h>
#include "core/base/err.h"

/* ---- sending ---- */

void mps_ctrlq_tx_init(struct mps_ctrlq_tx *q, const struct mps_mem *mem)
{
    *q = (struct mps_ctrlq_tx){.mem = mem};
    mps_list_init(&q->entries);
}

void mps_ctrlq_tx_deinit(struct mps_ctrlq_tx *q)
{
    struct mps_ctrlq_entry *e, *tmp;

    mps_list_for_each_safe(e, tmp, &q->entries, struct mps_ctrlq_entry, node)
        mps_free(q->mem, e);
    mps_ctrlq_tx_init(q, q->mem);
}

uint32_t mps_ctrlq_tx_next_csn(const struct mps_ctrlq_tx *q)
{
    return q->next_csn;
}

int mps_ctrlq_tx_push(struct mps_ctrlq_tx *q, const uint8_t *bytes, size_t len)
{
    struct mps_ctrlq_entry *e;

    if (!len || len > MPS_CTRL_MAX_LEN)
        return MPS_EINVAL;
    /* UINT32_MAX is never a CSN: CTRL_ACK must be able to say what follows the last one. */
    if (q->n >= MPS_CTRLQ_TX_LIMIT || q->next_csn == UINT32_MAX)
        return MPS_ELIMIT;
    e = mps_alloc(q->mem, sizeof(*e));
    if (!e)
        return MPS_ENOMEM;
    e->csn = q->next_csn++;
    e->slot = MPS_CTRLQ_NO_SLOT;
    e->len = (uint8_t)len;
    memcpy(e->bytes, bytes, len);
    mps_list_push_back(&q->entries, &e->node);
    q->n++;
    return 0;
}

struct mps_ctrlq_entry *mps_ctrlq_tx_next(const struct mps_ctrlq_tx *q)
{
    struct mps_ctrlq_entry *e;

    mps_list_for_each(e, &q->entries, struct mps_ctrlq_entry, node) {
        if (e->csn - q->acked >= MPS_CTRLQ_WINDOW)
            break;
        if (e->slot == MPS_CTRLQ_NO_SLOT)
            return e;
    }
    return NULL;
}

void mps_ctrlq_tx_sent(struct mps_ctrlq_tx *q, struct mps_ctrlq_entry *entry, unsigned slot)
{
    entry->slot = (uint8_t)slot;
    if (q->sent_end <= entry->csn)
        q->sent_end = entry->csn + 1;
}

void mps_ctrlq_tx_slot_lost(struct mps_ctrlq_tx *q, unsigned slot)
{
    struct mps_ctrlq_entry *e;

    mps_list_for_each(e, &q->entries, struct mps_ctrlq_entry, node) {
        if (e->slot == slot)
            e->slot = MPS_CTRLQ_NO_SLOT;
    }
}

int mps_ctrlq_tx_ack(struct mps_ctrlq_tx *q, uint32_t ctrl_ack)
{
    struct mps_ctrlq_entry *e, *tmp;

    if (ctrl_ack > q->sent_end)
        return MPS_EPROTO;
    mps_list_for_each_safe(e, tmp, &q->entries, struct mps_ctrlq_entry, node) {
        if (e->csn >= ctrl_ack)
            break;
        mps_list_remove(&e->node);
        mps_free(q->mem, e);
        q->n--;
    }
    if (ctrl_ack > q->acked)
        q->acked = ctrl_ack;
    return 0;
}

/* ---- receiving ---- */

void mps_ctrlq_rx_init(struct mps_ctrlq_rx *q, const struct mps_mem *mem)
{
    *q = (struct mps_ctrlq_rx){.mem = mem};
    mps_list_init(&q->held);
}

static void drop_held(struct mps_ctrlq_rx *q, struct mps_ctrlq_held *h)
{
    mps_list_remove(&h->node);
    if (h != &q->spare)
        mps_free(q->mem, h);
}

void mps_ctrlq_rx_deinit(struct mps_ctrlq_rx *q)
{
    struct mps_ctrlq_held *h, *tmp;

    mps_list_for_each_safe(h, tmp, &q->held, struct mps_ctrlq_held, node)
        drop_held(q, h);
    mps_ctrlq_rx_init(q, q->mem);
}

/* A frame was put in front of `pos`: it and those behind it may close the hole. */
static void advance(struct mps_ctrlq_rx *q, const struct mps_list *pos)
{
    for (; pos != &q->held; pos = pos->next) {
        if (mps_list_entry(pos, struct mps_ctrlq_held, node)->ctrl.csn != q->expected)
            break;
        q->expected++;
    }
}

int mps_ctrlq_rx_accept(struct mps_ctrlq_rx *q, const struct mps_ctrl *ctrl)
{
    struct mps_list *pos;
    struct mps_ctrlq_held *h;

    if (ctrl->csn < q->expected)
        return 0;
    /* UINT32_MAX has no successor that CTRL_ACK could name. */
    if (ctrl->csn - q->delivered >= MPS_CTRLQ_WINDOW || ctrl->csn == UINT32_MAX)
        return MPS_EPROTO;
    for (pos = q->held.next; pos != &q->held; pos = pos->next) {
        uint32_t csn = mps_list_entry(pos, struct mps_ctrlq_held, node)->ctrl.csn;

        if (csn == ctrl->csn)
            return 0;
        if (csn > ctrl->csn)
            break;
    }
    h = mps_alloc(q->mem, sizeof(*h));
    if (!h && ctrl->csn == q->delivered)
        h = &q->spare;
    if (!h)
        return MPS_ENOMEM;
    h->ctrl = *ctrl;
    mps_list_insert_before(pos, &h->node);
    advance(q, &h->node);
    return 0;
}

bool mps_ctrlq_rx_next_ready(struct mps_ctrlq_rx *q, struct mps_ctrl *ret)
{
    struct mps_ctrlq_held *h;

    if (q->delivered == q->expected)
        return false;
    h = mps_list_entry(q->held.next, struct mps_ctrlq_held, node);
    *ret = h->ctrl;
    drop_held(q, h);
    q->delivered++;
    return true;
}

uint32_t mps_ctrlq_rx_expected(const struct mps_ctrlq_rx *q)
{
    return q->expected;
}

/* ---- invariants ---- */

const char *mps_ctrlq_tx_check(const struct mps_ctrlq_tx *q)
{
    const struct mps_ctrlq_entry *e;
    uint32_t csn = q->acked;

    if (q->acked > q->sent_end || q->sent_end > q->next_csn)
        return "ctrlq: frames were acknowledged or sent that are none";
    if (q->n > MPS_CTRLQ_TX_LIMIT || q->n != q->next_csn - q->acked)
        return "ctrlq: the number of frames is wrong";
    mps_list_for_each(e, &q->entries, const struct mps_ctrlq_entry, node) {
        if (e->csn != csn++)
            return "ctrlq: the frames to send have a gap";
        if (e->len == 0 || e->len > MPS_CTRL_MAX_LEN)
            return "ctrlq: a frame of no possible length";
        if (e->slot != MPS_CTRLQ_NO_SLOT &&
            (e->csn >= q->sent_end || e->csn - q->acked >= MPS_CTRLQ_WINDOW))
            return "ctrlq: a frame beyond the window was sent";
    }
    return csn == q->next_csn ? NULL : "ctrlq: a frame to send is lost";
}

const char *mps_ctrlq_rx_check(const struct mps_ctrlq_rx *q)
{
    uint32_t csn = q->delivered, ready = q->expected - q->delivered;
    const struct mps_ctrlq_held *h;

    if (ready > MPS_CTRLQ_WINDOW)
        return "ctrlq: more is ready than the window";
    mps_list_for_each(h, &q->held, const struct mps_ctrlq_held, node) {
        if (h->ctrl.csn - q->delivered >= MPS_CTRLQ_WINDOW)
            return "ctrlq: a frame is held from beyond the window";
        if (ready > 0 ? h->ctrl.csn != csn : h->ctrl.csn < csn || h->ctrl.csn == q->expected)
            return "ctrlq: the frames received are not in order";
        ready -= ready > 0;
        csn = h->ctrl.csn + 1;
    }
    return ready == 0 ? NULL : "ctrlq: a frame that is ready is lost";
}
