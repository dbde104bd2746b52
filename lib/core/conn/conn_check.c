/* SPDX-License-Identifier: MIT */
/* What always holds between the parts of a connection; each part checks itself. */
#include "check.h"

static const char *check_slots(const struct mps_conn *c)
{
    const struct mps_subflow *sf;
    uint32_t seen = 0, dead = 0;
    uint64_t reinjected = 0;

    mps_for_each_subflow(sf, c) {
        const char *broken = mps_sf_check(sf);
        uint32_t bit = mps_sf_bit(sf);

        if (broken)
            return broken;
        if (sf->conn != c || seen & bit)
            return "conn: two subflows have one slot";
        seen |= bit;
        dead |= sf->state == MPS_SF_DEAD ? bit : 0;
        reinjected += sf->count.bytes_reinjected;
    }
    if (seen != c->slots)
        return "conn: the slots in use are not those of the subflows";
    if (reinjected > c->count.bytes_reinjected)
        return "conn: subflows repeated more than the connection";
    for (unsigned slot = 0; slot < MPS_RTXQ_SLOTS; slot++) {
        if (c->tx.rtxq.outstanding[slot] > 0 && !(seen & ~dead & mps_slot_bit(slot)))
            return "conn: a subflow that has ended carries data";
    }
    return NULL;
}

static const char *check_sending(const struct mps_conn *c)
{
    const struct mps_conn_tx *tx = &c->tx;
    uint64_t sent = tx->rtxq.tail, data = sent - (tx->rtxq.fin ? 1 : 0);

    if (data > c->flow.limit)
        return "conn: more was sent than the peer's credit";
    if (data > tx->sendq.tail || (tx->rtxq.fin && (!tx->fin || data != tx->sendq.tail)))
        return "conn: more was sent than the application wrote";
    if (tx->acked > sent || tx->acked < tx->rtxq.head)
        return "conn: what is acknowledged was not sent, or is kept";
    if (tx->sendq.head != (tx->acked < tx->sendq.tail ? tx->acked : tx->sendq.tail))
        return "conn: the send queue does not begin at the acknowledgment";
    return NULL;
}

static const char *check_receiving(const struct mps_conn *c)
{
    const struct mps_conn_rx *rx = &c->rx;

    if (rx->highest > c->flow.granted)
        return "conn: more was taken than the credit granted";
    if (rx->reasm.next > rx->highest)
        return "conn: bytes are there that nobody announced";
    if (rx->reasm.read != c->flow.consumed)
        return "conn: what was read is not what was consumed";
    if (rx->fin_known && rx->highest > rx->fin_dsn)
        return "conn: data came from behind DATA_FIN";
    return NULL;
}

/* Memory of the payloads that are coming in. */
static uint64_t pending(const struct mps_conn *c)
{
    const struct mps_subflow *sf;
    uint64_t sum = 0;

    mps_for_each_subflow(sf, c) {
        if (sf->rx.chunk && sf->rx.chunk != &c->rxmem->reserve.chunk)
            sum += sf->rx.chunk->size;
    }
    return sum;
}

const char *mps_conn_check(const struct mps_conn *c)
{
    const char *broken = mps_sendq_check(&c->tx.sendq);

    if (!broken)
        broken = mps_rtxq_check(&c->tx.rtxq);
    if (!broken)
        broken = mps_ctrlq_tx_check(&c->tx.ctrlq);
    if (!broken)
        broken = mps_ctrlq_rx_check(&c->rx.ctrlq);
    if (!broken)
        broken = mps_flow_check(&c->flow);
    if (!broken)
        broken = mps_ack_check(&c->rx.ack);
    if (!broken)
        broken = mps_reasm_check(&c->rx.reasm, pending(c));
    if (!broken)
        broken = mps_paths_check(&c->paths);
    if (!broken && c->tx.couple)
        broken = mps_couple_check(c->tx.couple);
    if (!broken)
        broken = check_slots(c);
    if (!broken)
        broken = check_sending(c);
    return broken ? broken : check_receiving(c);
}
