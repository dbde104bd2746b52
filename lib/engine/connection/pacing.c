/* SPDX-License-Identifier: MIT */
#include "pacing.h"

#include <string.h>
#include <sys/socket.h>
#include "core/conn/conn.h"
#include "mpconn_int.h"
#include "sflow.h"
#include "sockopts.h"

#define PERIOD    (100 * MPS_MSEC)
#define SPARE     20 /* one part in so many goes to each subflow, so that each can grow */
#define SMOOTH    4
#define UNLIMITED UINT64_MAX

void mps_pacing_share(uint64_t rate, struct mps_pacing_part *const *parts, unsigned n)
{
    double floor = (double)rate / SPARE / n, sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += (double)parts[i]->used + floor;
    for (unsigned i = 0; i < n; i++) {
        double part = (double)rate * ((double)parts[i]->used + floor) / (sum > 0 ? sum : 1);

        /* The highest rate there is rounds up to one that no integer has. */
        if (part >= 0x1p64)
            parts[i]->part = rate;
        else
            parts[i]->part = part >= 1 ? (uint64_t)part : 1;
    }
}

/* Kernels of 32 bits, and those before 4.20, take an unsigned int. */
static void tell(int fd, uint64_t rate)
{
    unsigned int small = rate < UINT32_MAX ? (unsigned int)rate : UINT32_MAX;

    if (sizeof(long) < sizeof(rate) ||
        setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &small, sizeof(small));
}

static bool counts(const struct mps_sflow *f)
{
    return !f->connecting && !f->dead && f->fd >= 0;
}

static void measure(struct mps_sflow *f, mps_time_t span)
{
    uint64_t acked = mps_subflow_metrics(f->sf)->acked;
    struct mps_pacing_part *p = &f->pacing;

    if (span > 0 && acked >= p->acked && p->acked > 0) {
        uint64_t rate = (acked - p->acked) * MPS_SEC / span;

        p->used = (p->used * (SMOOTH - 1) + rate) / SMOOTH;
    }
    p->acked = acked;
}

/* No limit of the program's own. */
static void drain(struct mps_mpconn *mp, mps_time_t now)
{
    struct mps_pacing *pacing = &mp->pacing;
    struct mps_sflow *f;

    if ((!mp->keep_unsent && !pacing->drains) || now - pacing->at < PERIOD)
        return;
    pacing->drains = false;
    mps_list_for_each(f, &mp->flows, struct mps_sflow, link) {
        const struct mps_metrics *m;
        uint64_t before = f->pacing.drain.rate, rate;

        if (!counts(f))
            continue;
        m = mps_subflow_metrics(f->sf);
        measure(f, pacing->at > 0 ? now - pacing->at : 0);
        if (!mp->keep_unsent)
            f->pacing.drain = (struct mps_drain){.rate = 0};
        rate = mp->keep_unsent ? mps_drain_step(&f->pacing.drain, m, f->pacing.used, now) : 0;
        if (rate != before)
            tell(f->fd, rate > 0 ? rate : UNLIMITED);
        pacing->drains |= rate > 0;
    }
    pacing->at = now;
}

void mps_pacing_run(struct mps_mpconn *mp, mps_time_t now)
{
    struct mps_pacing_part *parts[MPS_MAX_SUBFLOWS];
    struct mps_pacing *pacing = &mp->pacing;
    struct mps_sflow *f;
    unsigned n = 0, known = 0;

    if (pacing->rate == 0) {
        drain(mp, now);
        return;
    }
    mps_list_for_each(f, &mp->flows, struct mps_sflow, link) {
        if (counts(f) && n < MPS_MAX_SUBFLOWS) {
            parts[n++] = &f->pacing;
            known += f->pacing.part > 0;
        }
    }
    if (n == 0 || (n == pacing->n && known == n && now - pacing->at < PERIOD))
        return;
    mps_list_for_each(f, &mp->flows, struct mps_sflow, link) {
        if (counts(f))
            measure(f, pacing->at > 0 ? now - pacing->at : 0);
    }
    pacing->at = now;
    pacing->n = n;
    mps_pacing_share(pacing->rate, parts, n);
    mps_list_for_each(f, &mp->flows, struct mps_sflow, link) {
        if (counts(f))
            tell(f->fd, f->pacing.part);
    }
}

void mps_pacing_obey(struct mps_mpconn *mp)
{
    uint64_t rate = mps_sockopts_pacing(&mp->ac->sockopts);
    struct mps_sflow *f;

    if (rate == mp->pacing.rate)
        return;
    mp->pacing = (struct mps_pacing){.rate = rate};
    mps_list_for_each(f, &mp->flows, struct mps_sflow, link) {
        f->pacing.part = 0;
        f->pacing.drain = (struct mps_drain){.rate = 0};
        if (rate == 0 && f->fd >= 0)
            tell(f->fd, UNLIMITED);
    }
}
