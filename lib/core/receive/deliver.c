/* SPDX-License-Identifier: MIT */
#include "deliver.h"
#include "core/conn/query.h"
unsigned mps_conn_app_rx_spans(struct mps_conn *c, struct mps_span *spans, unsigned max)
{
    unsigned n = mps_reasm_spans(&c->rx.reasm, spans, max);
    uint64_t read = c->rx.reasm.read, left;

    if (c->rx.urgent_end <= read)
        return n;
    left = c->rx.urgent_end - read > 1 ? c->rx.urgent_end - read - 1 : 1;
    for (unsigned i = 0; i < n; i++) {
        if (spans[i].n >= left) {
            spans[i].n = left;
            return i + 1;
        }
        left -= spans[i].n;
    }
    return n;
}

bool mps_conn_app_rx_urgent(const struct mps_conn *c)
{
    return c->rx.urgent_end == c->rx.reasm.read + 1;
}

void mps_deliver_done(struct mps_conn *c, size_t n, mps_time_t now)
{
    uint64_t there = mps_reasm_in_order(&c->rx.reasm);

    if (n > there)
        n = there;
    mps_reasm_consume(&c->rx.reasm, n);
    mps_deliver_passed(c, n, now);
}

void mps_deliver_passed(struct mps_conn *c, size_t n, mps_time_t now)
{
    if (mps_mem_scarce(c->env.mem))
        mps_flow_shrink(&c->flow);
    mps_flow_consume(&c->flow, n, mps_conn_max_srtt(c), now);
}
