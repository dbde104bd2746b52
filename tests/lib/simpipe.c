/* SPDX-License-Identifier: MIT */
#include "simpipe.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define INITIAL_WINDOW (10 * SIMTCP_MSS)
#define RTO_MIN        (200 * MPS_MSEC)
#define RTO_MAX        (120 * MPS_SEC)
#define DEFAULT_SNDBUF (4u << 20)

#define HYSTART_SAMPLES 8

void simpipe_init(struct simpipe *pipe)
{
    memset(pipe, 0, sizeof(*pipe));
    pipe->cwnd = INITIAL_WINDOW;
    pipe->ssthresh = UINT64_MAX;
    pipe->rto_at = pipe->rto_posted_at = MPS_NEVER;
    pipe->sndbuf = DEFAULT_SNDBUF;
}

void simpipe_deinit(struct simpipe *pipe)
{
    free(pipe->ring);
    free(pipe->segs);
}

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

/* ---- bytes ---- */

/* First byte that somebody still needs. */
static uint64_t kept(const struct simpipe *pipe)
{
    return pipe->read < pipe->una ? pipe->read : pipe->una;
}

static void ring_grow(struct simpipe *pipe, size_t need)
{
    size_t size = pipe->ring_size > 0 ? pipe->ring_size : 4096;

    if (need <= pipe->ring_size)
        return;
    while (size < need)
        size *= 2;
    uint8_t *ring = must(malloc(size));

    for (uint64_t i = kept(pipe); i < pipe->end; i++)
        ring[i & (size - 1)] = pipe->ring[i & (pipe->ring_size - 1)];
    free(pipe->ring);
    pipe->ring = ring;
    pipe->ring_size = size;
}

/*
 * As Linux does it: who writes late finds everything sent and the window open. What is
 * sent until what is on its way now has arrived tells of the writer, not of the path.
 */
static void note_want_of_data(struct simpipe *pipe)
{
    if (pipe->end - pipe->nxt < SIMTCP_MSS && pipe->in_flight < pipe->cwnd && pipe->n_lost == 0)
        pipe->app_limited_until = pipe->delivered + pipe->in_flight + 1;
}

size_t simpipe_put(struct simpipe *pipe, const uint8_t *p, size_t n)
{
    size_t used = (size_t)(pipe->end - pipe->una);
    size_t room = used < pipe->sndbuf ? pipe->sndbuf - used : 0;

    assert(!pipe->fin_wanted);
    note_want_of_data(pipe);
    if (n > room)
        n = room;
    ring_grow(pipe, (size_t)(pipe->end - kept(pipe)) + n);
    for (size_t done = 0; done < n;) {
        size_t at = (pipe->end + done) & (pipe->ring_size - 1);
        size_t part = pipe->ring_size - at < n - done ? pipe->ring_size - at : n - done;

        memcpy(pipe->ring + at, p + done, part);
        done += part;
    }
    pipe->end += n;
    return n;
}

void simpipe_damage(struct simpipe *pipe, size_t n, uint64_t where)
{
    pipe->ring[(pipe->end - 1 - where % n) & (pipe->ring_size - 1)] ^= 0x04;
}

/* rcv_nxt counts an arrived FIN, which is no byte to read. */
size_t simpipe_unread(const struct simpipe *pipe)
{
    return (size_t)(pipe->rcv_nxt - (pipe->fin_arrived ? 1 : 0) - pipe->read);
}

size_t simpipe_peek(const struct simpipe *pipe, uint8_t *p, size_t n)
{
    size_t have = simpipe_unread(pipe);

    if (n > have)
        n = have;
    for (size_t done = 0; done < n;) {
        size_t at = (pipe->read + done) & (pipe->ring_size - 1);
        size_t part = pipe->ring_size - at < n - done ? pipe->ring_size - at : n - done;

        memcpy(p + done, pipe->ring + at, part);
        done += part;
    }
    return n;
}

/* ---- segments ---- */

static struct simseg *segment(const struct simpipe *pipe, uint64_t number)
{
    return &pipe->segs[number & (pipe->segs_size - 1)];
}

static bool known(const struct simpipe *pipe, uint64_t number)
{
    return number >= pipe->seg_first && number < pipe->seg_next;
}

uint64_t simpipe_segment_number(const struct simpipe *pipe, const struct simseg *seg)
{
    uint64_t slot = (uint64_t)(seg - pipe->segs);

    return pipe->seg_first + ((slot - pipe->seg_first) & (pipe->segs_size - 1));
}

static struct simseg *segment_new(struct simpipe *pipe)
{
    if (pipe->seg_next - pipe->seg_first == pipe->segs_size) {
        size_t size = pipe->segs_size > 0 ? 2 * pipe->segs_size : 64;
        struct simseg *segs = must(malloc(size * sizeof(*segs)));

        for (uint64_t i = pipe->seg_first; i < pipe->seg_next; i++)
            segs[i & (size - 1)] = *segment(pipe, i);
        free(pipe->segs);
        pipe->segs = segs;
        pipe->segs_size = size;
    }
    struct simseg *seg = segment(pipe, pipe->seg_next++);

    memset(seg, 0, sizeof(*seg));
    return seg;
}

static struct simseg *first_lost(struct simpipe *pipe)
{
    for (uint64_t i = pipe->seg_first; i < pipe->seg_next; i++) {
        if (segment(pipe, i)->lost)
            return segment(pipe, i);
    }
    return NULL;
}

static mps_time_t rto(const struct simpipe *pipe)
{
    mps_time_t t = (pipe->srtt_us + 4 * (mps_time_t)pipe->rttvar_us) * MPS_USEC;

    if (t < RTO_MIN)
        t = RTO_MIN;
    t <<= pipe->backoff < 12 ? pipe->backoff : 12;
    return t < RTO_MAX ? t : RTO_MAX;
}

/* Two round trips without an answer: the last segment is sent once more (RFC 8985, TLP). */
static mps_time_t timer(const struct simpipe *pipe)
{
    mps_time_t probe = 2 * pipe->srtt_us * MPS_USEC + 2 * MPS_MSEC;

    return pipe->probed || pipe->backoff > 0 || probe > rto(pipe) ? rto(pipe) : probe;
}

struct simseg *simpipe_next_segment(struct simpipe *pipe, mps_time_t now)
{
    struct simseg *seg = NULL;
    bool idle = pipe->seg_first == pipe->seg_next;

    if (pipe->in_flight >= pipe->cwnd)
        return NULL;
    if (pipe->n_lost > 0) {
        seg = first_lost(pipe);
        seg->lost = false;
        seg->repeated = true;
        pipe->n_lost--;
    } else if (pipe->nxt < pipe->end) {
        uint64_t len = pipe->end - pipe->nxt;

        seg = segment_new(pipe);
        seg->off = pipe->nxt;
        seg->len = len < SIMTCP_MSS ? (uint32_t)len : SIMTCP_MSS;
        pipe->nxt += seg->len;
    } else if (pipe->fin_wanted && !pipe->fin_sent) {
        seg = segment_new(pipe);
        seg->off = pipe->nxt;
        seg->len = 1;
        seg->fin = pipe->fin_sent = true;
    } else {
        return NULL;
    }
    if (idle)
        pipe->last_progress = now;
    if (pipe->rto_at == MPS_NEVER)
        pipe->rto_at = now + timer(pipe);
    seg->in_flight = true;
    seg->sent_at = now;
    seg->tx = ++pipe->tx;
    seg->delivered_at_send = pipe->delivered;
    pipe->in_flight += seg->len;
    seg->app_limited = pipe->delivered < pipe->app_limited_until;
    return seg;
}

/* ---- receiver ---- */

bool simpipe_is_fin(const struct simpipe *pipe, uint64_t number)
{
    return !known(pipe, number) || segment(pipe, number)->fin;
}

bool simpipe_arrive(struct simpipe *pipe, uint64_t number)
{
    uint64_t before = pipe->rcv_nxt;

    if (!known(pipe, number))
        return false; /* a repetition of what was acknowledged since */
    segment(pipe, number)->arrived = true;
    for (uint64_t i = pipe->seg_first; i < pipe->seg_next; i++) {
        const struct simseg *seg = segment(pipe, i);

        if (!seg->arrived)
            break;
        if (seg->off != pipe->rcv_nxt)
            continue;
        pipe->rcv_nxt += seg->len;
        if (seg->fin)
            pipe->fin_arrived = true;
    }
    return pipe->rcv_nxt != before;
}

/* ---- acknowledgments ---- */

static void rtt_sample(struct simpipe *pipe, mps_time_t rtt)
{
    uint32_t us = (uint32_t)(rtt / MPS_USEC);

    if (us == 0)
        us = 1;
    pipe->last_rtt_us = us;
    if (pipe->srtt_us == 0) {
        pipe->srtt_us = us;
        pipe->rttvar_us = us / 2;
    } else {
        uint32_t diff = us > pipe->srtt_us ? us - pipe->srtt_us : pipe->srtt_us - us;

        pipe->rttvar_us += (uint32_t)(((int64_t)diff - pipe->rttvar_us) / 4);
        pipe->srtt_us += (uint32_t)(((int64_t)us - pipe->srtt_us) / 8);
    }
    if (pipe->min_rtt_us == 0 || us < pipe->min_rtt_us)
        pipe->min_rtt_us = us;
}

void simpipe_first_rtt(struct simpipe *pipe, mps_time_t rtt)
{
    rtt_sample(pipe, rtt);
}

static void rate_sample(struct simpipe *pipe, const struct simseg *seg, mps_time_t now)
{
    uint64_t rate;

    if (now <= seg->sent_at)
        return;
    rate = (pipe->delivered - seg->delivered_at_send) * MPS_SEC / (now - seg->sent_at);
    if (!seg->app_limited || rate > pipe->rate) {
        pipe->rate = rate;
        pipe->rate_app_limited = seg->app_limited;
    }
}

/* What TCP_INFO calls lost: until it is acknowledged, repeated or not. */
static void miss(struct simpipe *pipe, struct simseg *seg)
{
    if (!seg->missed)
        pipe->n_missed++;
    seg->missed = true;
}

static void take_acked(struct simpipe *pipe, struct simseg *seg)
{
    if (seg->acked)
        return;
    if (seg->in_flight)
        pipe->in_flight -= seg->len;
    if (seg->lost)
        pipe->n_lost--;
    if (seg->missed)
        pipe->n_missed--;
    seg->in_flight = seg->lost = seg->missed = false;
    seg->acked = true;
    pipe->delivered += seg->len;
}

/* Links keep the order: what was sent before an acknowledged transmission is lost. */
static void find_lost(struct simpipe *pipe, uint64_t number, uint64_t tx)
{
    bool any = false;
    uint64_t out = pipe->in_flight;

    for (uint64_t i = pipe->seg_first; i < pipe->seg_next; i++) {
        struct simseg *seg = segment(pipe, i);

        if (i >= number && pipe->n_lost == 0)
            break;
        if (!seg->in_flight || seg->tx >= tx)
            continue;
        seg->in_flight = false;
        seg->lost = true;
        miss(pipe, seg);
        pipe->n_lost++;
        pipe->in_flight -= seg->len;
        any |= seg->tx > pipe->recover_tx;
    }
    /* One reduction for all that was out when the first loss was found. */
    if (any) {
        pipe->recover_tx = pipe->tx;
        pipe->ssthresh = out * 7 / 10;
        if (pipe->ssthresh < 2 * SIMTCP_MSS)
            pipe->ssthresh = 2 * SIMTCP_MSS;
        pipe->cwnd = pipe->ssthresh;
    }
}

/*
 * A queue that builds up ends slow start before it overflows (HyStart, RFC 9406). In Linux it
 * counts when the least of a round trip's first samples shows it: those of its last segments waited
 * for its first ones.
 */
static bool queue_builds(struct simpipe *pipe)
{
    uint32_t allowed = pipe->min_rtt_us / 8;

    if (pipe->una >= pipe->round_end) {
        pipe->round_end = pipe->nxt;
        pipe->round_samples = 0;
        pipe->round_rtt_us = UINT32_MAX;
    }
    if (pipe->last_rtt_us < pipe->round_rtt_us && pipe->round_samples < HYSTART_SAMPLES)
        pipe->round_rtt_us = pipe->last_rtt_us;
    if (pipe->round_samples < HYSTART_SAMPLES)
        pipe->round_samples++;

    if (allowed < 4000)
        allowed = 4000;
    if (allowed > 16000)
        allowed = 16000;
    if (!pipe->as_linux)
        return pipe->last_rtt_us > pipe->min_rtt_us + allowed;
    return pipe->round_samples == HYSTART_SAMPLES &&
           pipe->round_rtt_us > pipe->min_rtt_us + allowed;
}

static void grow_window(struct simpipe *pipe, uint64_t acked, uint64_t out_before)
{
    if (out_before + SIMTCP_MSS < pipe->cwnd)
        return; /* not what limits us */
    if (pipe->cwnd < pipe->ssthresh && pipe->ssthresh == UINT64_MAX && queue_builds(pipe))
        pipe->ssthresh = pipe->cwnd;
    if (pipe->cwnd < pipe->ssthresh)
        pipe->cwnd += acked;
    else
        pipe->cwnd += SIMTCP_MSS * acked / pipe->cwnd + 1;
}

/*
 * What was sent before a timeout arrives after it: nothing was lost, the path only stood still.
 * Linux sees that by timestamps (Eifel, RFC 3522) and takes the timeout back.
 */
static void take_timeout_back(struct simpipe *pipe)
{
    for (uint64_t i = pipe->seg_first; i < pipe->seg_next; i++) {
        struct simseg *seg = segment(pipe, i);

        if (!seg->lost || seg->repeated)
            continue;
        seg->lost = false;
        seg->in_flight = true;
        pipe->n_lost--;
        pipe->in_flight += seg->len;
        pipe->n_missed -= seg->missed;
        seg->missed = false;
    }
    pipe->cwnd = pipe->undo_cwnd;
    pipe->ssthresh = pipe->undo_ssthresh;
    pipe->undo_cwnd = 0;
}

void simpipe_acked(struct simpipe *pipe, uint64_t number, uint64_t tx, uint64_t cumulative,
                   mps_time_t now)
{
    uint64_t before = pipe->delivered, out = pipe->in_flight;

    if (pipe->undo_cwnd > 0 && known(pipe, number) && !segment(pipe, number)->acked) {
        if (tx <= pipe->undo_tx)
            take_timeout_back(pipe);
        pipe->undo_cwnd = 0;
    }

    if (known(pipe, number) && !segment(pipe, number)->acked) {
        struct simseg *seg = segment(pipe, number);
        bool sample = seg->tx == tx;

        take_acked(pipe, seg);
        if (sample) {
            rtt_sample(pipe, now - seg->sent_at);
            rate_sample(pipe, seg, now);
        }
    }
    for (uint64_t i = pipe->seg_first; i < pipe->seg_next; i++) {
        if (segment(pipe, i)->off + segment(pipe, i)->len > cumulative)
            break;
        take_acked(pipe, segment(pipe, i));
    }
    find_lost(pipe, number, tx);
    if (pipe->delivered > before) {
        grow_window(pipe, pipe->delivered - before, out);
        pipe->last_progress = now;
        pipe->backoff = 0;
        pipe->probed = false;
    }
    while (pipe->seg_first < pipe->seg_next && segment(pipe, pipe->seg_first)->acked) {
        const struct simseg *seg = segment(pipe, pipe->seg_first++);

        pipe->una = seg->off + (seg->fin ? 0 : seg->len);
    }
    pipe->rto_at = pipe->seg_first < pipe->seg_next ? now + timer(pipe) : MPS_NEVER;
}

static void probe(struct simpipe *pipe, mps_time_t now)
{
    struct simseg *last = segment(pipe, pipe->seg_next - 1);

    pipe->probed = true;
    pipe->rto_at = now + rto(pipe);
    if (!last->in_flight)
        return;
    last->in_flight = false;
    last->lost = true;
    pipe->n_lost++;
    pipe->in_flight -= last->len;
}

void simpipe_timeout(struct simpipe *pipe, mps_time_t now)
{
    if (!pipe->probed && pipe->backoff == 0 && pipe->n_lost == 0) {
        probe(pipe, now);
        return;
    }
    for (uint64_t i = pipe->seg_first; i < pipe->seg_next; i++) {
        struct simseg *seg = segment(pipe, i);

        if (seg->in_flight) {
            seg->in_flight = false;
            seg->lost = true;
            miss(pipe, seg);
            pipe->n_lost++;
        }
    }
    pipe->in_flight = 0;
    pipe->recover_tx = pipe->tx;
    if (pipe->backoff == 0 && pipe->as_linux) {
        pipe->undo_cwnd = pipe->cwnd;
        pipe->undo_ssthresh = pipe->ssthresh;
        pipe->undo_tx = pipe->tx;
    }
    if (pipe->backoff == 0)
        pipe->ssthresh = pipe->cwnd / 2 > 2 * SIMTCP_MSS ? pipe->cwnd / 2 : 2 * SIMTCP_MSS;
    pipe->cwnd = SIMTCP_MSS;
    if (pipe->backoff < 255)
        pipe->backoff++;
    pipe->rto_at = MPS_NEVER; /* the repetition sets it, with the new back-off */
}

void simpipe_metrics(const struct simpipe *pipe, mps_time_t now, struct mps_metrics *ret)
{
    bool out = pipe->seg_first < pipe->seg_next;

    *ret = (struct mps_metrics){
        .srtt_us = pipe->srtt_us,
        .rttvar_us = pipe->rttvar_us,
        .min_rtt_us = pipe->min_rtt_us,
        .mss = SIMTCP_MSS,
        .cwnd = pipe->cwnd,
        .in_flight = pipe->nxt - pipe->una,
        .notsent = pipe->end - pipe->nxt,
        .rate = pipe->rate,
        .acked = pipe->una,
        .delivered = pipe->delivered,
        .losing = pipe->n_missed > 0,
        .backoff = (uint8_t)pipe->backoff,
    };
    /* As the engine reads TCP_INFO: a sample taken while there was too little to send says less
     * than the window does. */
    if ((pipe->rate == 0 || pipe->rate_app_limited) && pipe->srtt_us > 0 &&
        pipe->cwnd * 1000000 / pipe->srtt_us > pipe->rate)
        ret->rate = pipe->cwnd * 1000000 / pipe->srtt_us;
    if (out)
        ret->ack_age_us = (uint32_t)((now - pipe->last_progress) / MPS_USEC);
}
