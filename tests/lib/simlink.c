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

uint64_t simlink_carries(const struct simlink_record *r, mps_time_t from, mps_time_t to)
{
    uint64_t sum = 0;

    while (from < to) {
        mps_time_t end = (from / r->step + 1) * r->step;

        if (end > to)
            end = to;
        sum += r->bytes[from / r->step % r->n] * (end - from) / r->step;
        from = end;
    }
    return sum;
}

/* When the recorded link has carried so many bytes. */
static mps_time_t carried_at(const struct simlink_record *r, mps_time_t from, uint64_t len)
{
    for (;;) {
        mps_time_t left = (from / r->step + 1) * r->step - from;
        uint64_t rate = r->bytes[from / r->step % r->n];

        if (rate * left / r->step >= len && rate > 0)
            return from + len * r->step / rate + 1;
        len -= rate * left / r->step;
        from += left;
    }
}

static uint64_t waiting(const struct simlink_params *p, mps_time_t now, mps_time_t start)
{
    return p->record ? simlink_carries(p->record, now, start) : (start - now) * p->rate / MPS_SEC;
}

static mps_time_t gone_at(const struct simlink_params *p, mps_time_t start, uint32_t len)
{
    return p->record ? carried_at(p->record, start, len)
                     : start + (uint64_t)len * MPS_SEC / p->rate;
}

bool simlink_send(struct simlink *link, unsigned dir, uint32_t len, mps_time_t now,
                  mps_time_t *ret_arrival)
{
    struct simlink_dir *d = &link->dir[dir];

    if (link->cut || prng_below(link->rng, 1000000) < d->p.loss_ppm)
        return false;
    mps_time_t start = d->busy_until > now ? d->busy_until : now;

    if (waiting(&d->p, now, start) + len > d->p.queue + 2000)
        return false;
    d->busy_until = gone_at(&d->p, start, len);
    d->carried += len;
    *ret_arrival = d->busy_until + d->p.delay;
    return true;
}
