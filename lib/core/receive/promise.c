/* SPDX-License-Identifier: MIT */
#include "promise.h"

void mps_promise_tell(struct mps_conn *c)
{
    uint64_t held = c->rx.reasm.allocated, open = c->flow.granted - c->flow.consumed;
    uint64_t sure = open < MPS_SURE_BYTES ? open : MPS_SURE_BYTES;
    uint64_t promised = sure > held ? sure - held : 0;

    if (promised == c->rx.promised)
        return;
    c->rx.promised = promised;
    mps_mem_promise(c->env.mem, promised);
}

bool mps_promise_covers(const struct mps_conn *c, uint32_t len)
{
    return c->rx.reasm.allocated + len <= MPS_SURE_BYTES || mps_mem_may(c->env.mem, len, false);
}
