/* SPDX-License-Identifier: MIT */
#include "simlink.h"
#include <string.h>

void simlink_init(struct simlink *link, const struct simlink_params *params, struct prng *rng)
{
    memset(link, 0, sizeof(*link));
    link->dir[0].p = link->dir[1].p = *params;
    link->rng = rng;
}

void simlink_cut(struct simlink *link, bool cut)
{
    if (cut && !link->cut)
        link->cuts++;
    link->cut = cut;
}

bool simlink_send(struct simlink *link, unsigned dir, uint32_t len, mps_time_t now,
                  mps_time_t *ret_arrival)
{
    struct simlink_dir *d = &link->dir[dir];

    if (link->cut || prng_below(link->rng, 1000000) < d->p.loss_ppm)
        return false;
    mps_time_t start = d->busy_until > now ? d->busy_until : now;
    uint64_t queued = (start - now) * d->p.rate / MPS_SEC;

    if (queued + len > d->p.queue + 2000)
        return false;
    d->busy_until = start + (uint64_t)len * MPS_SEC / d->p.rate;
    d->carried += len;
    *ret_arrival = d->busy_until + d->p.delay;
    return true;
}
