/* SPDX-License-Identifier: MIT */
#include "split.h"
#include "core/base/constants.h"

#define SPLIT_SPAN      (1 * MPS_SEC)  /* over this, or so many round trips, */
#define SPLIT_SPAN_RTTS 10u            /* the highest rate is looked for */
#define SPLIT_RTT_AGE   (10 * MPS_SEC) /* the lowest round-trip time is to be seen again then */

void mps_split_init(struct mps_split *s, mps_time_t now)
{
    *s = (struct mps_split){.delivered_at = now};
}

static uint64_t rate(const struct mps_split *s)
{
    return s->rate[0] > s->rate[1] ? s->rate[0] : s->rate[1];
}

uint64_t mps_split_bound(const struct mps_split *s)
{
    uint64_t rtt = s->min_rtt_us ? s->min_rtt_us : 1;
    uint64_t bound = rate(s) < UINT64_MAX / 2 / rtt ? 2 * rate(s) * rtt / 1000000u : UINT64_MAX;

    if (s->drain_at != 0)
        bound /= 4;
    return bound > MPS_SPLIT_MIN ? bound : MPS_SPLIT_MIN;
}

uint64_t mps_split_room(struct mps_split *s, uint64_t sent)
{
    uint64_t bound = mps_split_bound(s), used = sent - s->delivered;

    if (used + MPS_FRAME_MIN < bound)
        return bound - used;
    s->full = true;
    return 0;
}

bool mps_split_due(const struct mps_split *s, uint64_t sent, mps_time_t now)
{
    if (s->n == MPS_SPLIT_PROBES)
        return now - s->probe[s->first].at >= MPS_SPLIT_LOST + 4 * s->srtt_us * MPS_USEC;
    if (sent == s->sent)
        return false;
    return s->n == 0 || sent - s->sent >= mps_split_bound(s) / (MPS_SPLIT_PROBES - 2);
}

uint32_t mps_split_ask(struct mps_split *s, uint64_t sent, mps_time_t now)
{
    if (s->delivered == s->sent) /* a pause has no rate */
        s->delivered_at = s->begun_at = now;
    if (s->n == MPS_SPLIT_PROBES) {
        s->first = (s->first + 1) & (MPS_SPLIT_PROBES - 1);
        s->n--;
    }
    s->probe[(s->first + s->n++) & (MPS_SPLIT_PROBES - 1)] = (struct mps_split_probe){
        .opaque = ++s->last_opaque,
        .sent = sent,
        .at = now,
        .delivered = s->delivered,
        .delivered_at = s->delivered_at,
        .begun_at = s->begun_at,
    };
    s->sent = sent;
    return s->last_opaque;
}

/* RFC 6298. */
static void round_trip(struct mps_split *s, uint32_t us, mps_time_t now)
{
    uint32_t off = us > s->srtt_us ? us - s->srtt_us : s->srtt_us - us;

    if (s->srtt_us == 0) {
        s->srtt_us = us;
        s->rttvar_us = us / 2;
    } else {
        s->rttvar_us = s->rttvar_us - s->rttvar_us / 4 + off / 4;
        s->srtt_us = s->srtt_us - s->srtt_us / 8 + us / 8;
    }
    if (s->min_rtt_us == 0 || us <= s->min_rtt_us + s->min_rtt_us / 16) {
        s->min_rtt_us = s->min_rtt_us == 0 || us < s->min_rtt_us ? us : s->min_rtt_us;
        s->min_at = now;
    }
    if (s->drain_rtt_us == 0 || us < s->drain_rtt_us)
        s->drain_rtt_us = us;
}

/* The path may have become longer: the time to see it without what waits in the box. */
static void drain(struct mps_split *s, mps_time_t now)
{
    if (s->drain_at == 0 && s->full && now - s->min_at >= SPLIT_RTT_AGE) {
        s->drain_at = now + 2 * s->srtt_us * MPS_USEC;
        s->drain_rtt_us = 0;
    } else if (s->drain_at != 0 && now >= s->drain_at && s->drain_rtt_us > 0) {
        s->min_rtt_us = s->drain_rtt_us;
        s->min_at = now;
        s->drain_at = 0;
    }
}

/*
 * The rate: the bytes that arrived over the time that they took to arrive, or to be sent if that
 * was longer. PONGs that were held up come together, and would tell of rates that no path has.
 */
static void measure(struct mps_split *s, const struct mps_split_probe *probe, mps_time_t now)
{
    mps_time_t sending = probe->at - probe->begun_at, coming = now - probe->delivered_at;
    uint64_t us = (sending > coming ? sending : coming) / MPS_USEC;
    uint64_t bytes = probe->sent - probe->delivered, sample;

    if (us == 0 || bytes > UINT64_MAX / 1000000u)
        return;
    sample = bytes * 1000000u / us;
    if (sample > s->rate[0])
        s->rate[0] = sample;
}

/* The highest rate is forgotten after two spans, but only if the path was given all it takes. */
static void next_span(struct mps_split *s, mps_time_t now)
{
    mps_time_t span = s->srtt_us * SPLIT_SPAN_RTTS * MPS_USEC;

    if (now < s->span_at)
        return;
    if (s->full) {
        s->rate[1] = s->rate[0];
        s->rate[0] = 0;
    }
    s->full = false;
    s->span_at = now + (span > SPLIT_SPAN ? span : SPLIT_SPAN);
}

void mps_split_answer(struct mps_split *s, uint32_t opaque, mps_time_t now)
{
    struct mps_split_probe probe;
    unsigned skip = 0;
    uint64_t us;

    while (skip < s->n && s->probe[(s->first + skip) & (MPS_SPLIT_PROBES - 1)].opaque != opaque)
        skip++;
    if (skip == s->n)
        return; /* another's */
    probe = s->probe[(s->first + skip) & (MPS_SPLIT_PROBES - 1)];
    s->first = (s->first + skip + 1) & (MPS_SPLIT_PROBES - 1);
    s->n -= skip + 1;
    us = (now - probe.at) / MPS_USEC;
    round_trip(s, us == 0 ? 1 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us, now);
    drain(s, now);
    measure(s, &probe, now);
    s->delivered = probe.sent;
    s->delivered_at = now;
    s->begun_at = probe.at;
    next_span(s, now);
}

void mps_split_arrived(struct mps_split *s, uint64_t sent, mps_time_t now)
{
    if (sent == s->delivered)
        return;
    s->n = 0;
    s->sent = s->delivered = sent;
    s->delivered_at = s->begun_at = now;
}

void mps_split_metrics(const struct mps_split *s, uint64_t sent, struct mps_metrics *m)
{
    uint64_t under_way = sent - s->delivered;

    m->srtt_us = s->srtt_us;
    m->rttvar_us = s->rttvar_us;
    m->min_rtt_us = s->min_rtt_us;
    m->rate = rate(s);
    m->cwnd = mps_split_bound(s);
    m->in_flight = under_way > m->notsent ? under_way - m->notsent : 0;
    m->delivered = s->delivered;
}
