/* SPDX-License-Identifier: MIT */
#include "sndbuf.h"
#include "core/conn/query.h"
#include "core/subflow/room.h"

/* It starts with and never falls below this many bytes: Linux's TCP starts with as much. */
#define SND_BUF_MIN (128u << 10)
/* No path counts for more: far from overflow. */
#define SND_BUF_FLIGHT_MAX (1u << 30)

struct paths {
    uint64_t rate;   /* of all, bytes per second */
    uint64_t rtt_us; /* the longest */
    uint64_t cwnd;
    uint64_t flight;  /* rate * RTT of each */
    uint64_t waiting; /* handed to sockets, and not sent yet */
    uint64_t room;    /* that sockets need besides, to send all the time */
};

/* rate * time, as far as it is below `max`. */
static uint64_t bytes_in(uint64_t rate, uint64_t us, uint64_t max)
{
    return us > 0 && rate > max * 1000000u / us ? max : rate * us / 1000000u;
}

static void add(struct paths *p, const struct mps_subflow *sf)
{
    uint64_t rate = mps_metrics_rate(&sf->m);

    p->rate += rate;
    p->flight += bytes_in(rate, sf->m.srtt_us, SND_BUF_FLIGHT_MAX);
    /* More than twice what the path carries fills queues only. */
    p->cwnd += bytes_in(2 * rate, sf->m.srtt_us, sf->m.cwnd);
    p->waiting += sf->m.notsent + sf->tx.taken + sf->tx.queued;
    p->room += mps_sf_room(sf);
    if (sf->m.srtt_us > p->rtt_us)
        p->rtt_us = sf->m.srtt_us;
}

/*
 * 2 * sum(rate) * max(RTT) keeps all paths busy while the slowest repairs a loss (RFC 6182 section
 * 5.3). Congestion windows run ahead of the rate while TCP looks for it; as in TCP's own tuning
 * there is as much again. Beyond that the DATA_ACK takes its time: a delayed acknowledgment's
 * there, and that of two processes. And what is given to faster paths while a slow one brings what
 * is to come after that (lead.h) waits here for as long.
 */
static uint64_t wanted(const struct paths *p, uint64_t max)
{
    uint64_t flight = bytes_in(p->rate, p->rtt_us, max);
    uint64_t late = bytes_in(p->rate, MPS_SND_BUF_LATE / MPS_USEC, MPS_SND_BUF_LATE_MAX);
    uint64_t lead = flight > p->flight ? flight - p->flight : 0, want;

    if (p->cwnd > flight)
        flight = p->cwnd < max ? p->cwnd : max;
    want = 2 * flight + 2 * lead + late;
    return want > SND_BUF_MIN ? want : SND_BUF_MIN;
}

/*
 * As much under way as the peer lets us, and as much to follow when it has that. A peer that does
 * not read leaves its window as it is, while rates that were measured over an instant, as on
 * loopback, may promise anything.
 */
static uint64_t windows(const struct mps_conn *c)
{
    uint64_t bytes = 2 * c->flow.limit_span;

    return bytes > SND_BUF_MIN ? bytes : SND_BUF_MIN;
}

void mps_sndbuf_size(struct mps_conn *c, mps_time_t now)
{
    uint64_t want, max = c->cfg.snd_buf_max;
    const struct mps_subflow *sf;
    struct paths p = {0};

    mps_for_each_subflow(sf, c) {
        /* What a resting one still has on its way may hold up the rest. */
        if (mps_sf_usable(sf) && !sf->stale.stale && !(sf->rests && sf->m.in_flight == 0))
            add(&p, sf);
    }
    want = wanted(&p, max);
    if (want > windows(c))
        want = windows(c);
    if (c->tx.asked_bytes > 0 && want > c->tx.asked_bytes)
        want = c->tx.asked_bytes;
    if (mps_mem_scarce(c->env.mem) && want > MPS_SND_BUF_SCARCE)
        want = MPS_SND_BUF_SCARCE;
    mps_sendq_set_limit(&c->tx.sendq, want < max ? want : max);
    if (c->tx.asked_unsent > 0) {
        uint64_t left = c->tx.asked_unsent > p.waiting ? c->tx.asked_unsent - p.waiting : 0;

        /* A socket that runs dry is worse: see room_for in room.c. */
        if (left < p.room)
            left = p.room;
        c->tx.unsent_max = left > MPS_UNSENT_MIN ? left : MPS_UNSENT_MIN;
    }
    if (mps_sendq_size(&c->tx.sendq) >= c->tx.sendq.limit ||
        (c->tx.asked_unsent > 0 && mps_conn_unsent(c) + p.waiting >= c->tx.asked_unsent / 2))
        c->tx.full_at = now;
}

uint64_t mps_conn_unacked(const struct mps_conn *c)
{
    return mps_sendq_size(&c->tx.sendq);
}

uint64_t mps_conn_unsent_in_all(const struct mps_conn *c)
{
    const struct mps_subflow *sf;
    struct paths p = {0};

    mps_for_each_subflow(sf, c) {
        if (mps_sf_usable(sf))
            add(&p, sf);
    }
    return mps_conn_unsent(c) + p.waiting;
}

/* 0: there is memory for what is next; 1: not before some of what is sent is acknowledged. */
static int find_memory(const struct mps_conn *c)
{
    const struct mps_sendq *q = &c->tx.sendq;
    bool needed = q->n_chunks == 0;

    if (!mps_sendq_is_at_end(q) || q->spare || mps_mem_may(c->env.mem, MPS_SENDQ_CHUNK, needed))
        return 0;
    return needed ? MPS_ENOMEM : 1;
}

int mps_conn_app_tx_space(struct mps_conn *c, struct mps_span *ret)
{
    bool early = c->phase == MPS_PH_OPENING && c->cfg.zero_rtt;
    uint64_t unsent = mps_conn_unsent(c);
    int rc;

    *ret = (struct mps_span){NULL, 0};
    if ((c->phase != MPS_PH_OPEN && !early) || c->tx.fin ||
        (c->tx.unsent_max > 0 && unsent >= c->tx.unsent_max))
        return 0;
    rc = find_memory(c);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = mps_sendq_space(&c->tx.sendq, ret);
    if (rc == 0 && c->tx.unsent_max > 0 && ret->n > c->tx.unsent_max - unsent)
        ret->n = (size_t)(c->tx.unsent_max - unsent);
    return rc;
}
