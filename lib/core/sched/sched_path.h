/* SPDX-License-Identifier: MIT */
/*
 * What the schedulers share: which paths count, and estimates on one path. Units: bytes, bytes per
 * second, microseconds. All results saturate, none wraps.
 */
#pragma once
#include "sched.h"

/* No estimate is larger: keeps the products below far from overflow. */
#define MPS_SCHED_BYTES_MAX (UINT64_C(1) << 40)
#define MPS_SCHED_RATE_MAX  UINT64_C(100000000000)
#define MPS_SCHED_TIME_MAX  UINT64_C(100000000)

/* Of ecf, and of those that pick as it does. */
struct mps_ecf_state {
    bool waiting; /* for a faster path than those with room */
};

/* Is there a path without the backup flag? Then paths with the flag get nothing. */
static inline bool mps_sched_has_normal(const struct mps_sched_input *in)
{
    for (unsigned i = 0; i < in->n_paths; i++) {
        if (!in->paths[i].backup)
            return true;
    }
    return false;
}

/* Whether this path may get the run at all, full or not. `normal`: mps_sched_has_normal. */
static inline bool mps_sched_eligible(const struct mps_sched_path *path, bool normal)
{
    return !path->carried && !(path->backup && normal);
}

static inline uint64_t mps_sched_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline unsigned mps_sched_weight(const struct mps_sched_path *path)
{
    return path->weight > 0 ? path->weight : MPS_WEIGHT_DEFAULT;
}

static inline unsigned mps_sched_max_weight(const struct mps_sched_input *in)
{
    unsigned max = MPS_WEIGHT_DEFAULT;

    for (unsigned i = 0; i < in->n_paths; i++) {
        if (in->paths[i].weight > max)
            max = in->paths[i].weight;
    }
    return max;
}

/*
 * A time on a path counts as much longer as the path is lighter than the heaviest one. With equal
 * weights all times are what they are.
 */
static inline uint64_t mps_sched_weigh(uint64_t t, const struct mps_sched_path *path, unsigned max)
{
    return t * max / mps_sched_weight(path);
}

/* Bytes that leave before a new run does: framed ones, then the socket's unsent ones. */
static inline uint64_t mps_sched_backlog(const struct mps_sched_path *path)
{
    return mps_sched_min(path->queued, MPS_SCHED_BYTES_MAX) +
           mps_sched_min(path->m.notsent, MPS_SCHED_BYTES_MAX);
}

/* Bytes per second; 0 when nothing is known. */
static inline uint64_t mps_sched_rate(const struct mps_sched_path *path)
{
    return mps_sched_min(mps_metrics_rate(&path->m), MPS_SCHED_RATE_MAX);
}

/* Time to send so many bytes, in us. `rate` > 0. */
static inline uint64_t mps_sched_send_time(uint64_t bytes, uint64_t rate)
{
    uint64_t t = mps_sched_min(bytes, 2 * MPS_SCHED_BYTES_MAX) * 1000000 / rate;

    return mps_sched_min(t, MPS_SCHED_TIME_MAX);
}

/* Bytes sent in `us` microseconds. */
static inline uint64_t mps_sched_bytes_in(uint64_t us, uint64_t rate)
{
    return mps_sched_min(us, MPS_SCHED_TIME_MAX) * rate / 1000000;
}

/*
 * Bytes on their way, less those that arrived behind a hole: TCP counts these, too, until the hole
 * is filled.
 */
static inline uint64_t mps_sched_in_flight(const struct mps_sched_path *path)
{
    uint64_t behind = path->m.delivered > path->m.acked ? path->m.delivered - path->m.acked : 0;
    uint64_t bytes = mps_sched_min(path->m.in_flight, MPS_SCHED_BYTES_MAX);

    return bytes > behind ? bytes - behind : 0;
}

/* Of what a queue added to the round trips so much is believed however long ago that was. */
#define MPS_SCHED_QUEUE_SHIFT 3

/*
 * The round trip that the next byte will see, as far as it is known. A queue that we have made is
 * gone when all is acknowledged, and one that others have made may be: it drains in as much time as
 * it takes to wait in it. What was measured while it was full is no reason to pass over the path
 * for ever. A part of it stays, and all of what is short beside the way itself: a path whose
 * packets come a little later than they once did is not as good as one where they do not.
 */
static inline uint64_t mps_sched_rtt(const struct mps_sched_path *path)
{
    uint64_t rtt = path->m.srtt_us, least = path->m.min_rtt_us, queue, left;

    if (path->m.in_flight > 0 || least == 0 || rtt < least + least / 2)
        return rtt;
    queue = rtt - least;
    left = queue >> MPS_SCHED_QUEUE_SHIFT;
    return least + (queue > left + path->idle_us ? queue - path->idle_us : left);
}

/*
 * Time until a byte sent now arrives, in us. What is in flight leaves before it: by Little's law
 * in_flight / rate is the round trip this byte will see, which runs ahead of srtt while a queue
 * builds up. Less the way back of the acknowledgment, half of the empty path's round trip.
 */
static inline uint64_t mps_sched_delay(const struct mps_sched_path *path)
{
    uint64_t rate = mps_sched_rate(path), rtt = mps_sched_rtt(path), back = path->m.min_rtt_us / 2;

    if (rate > 0) {
        uint64_t queue = mps_sched_send_time(mps_sched_in_flight(path), rate);

        if (queue > rtt)
            rtt = queue;
    }
    if (back == 0 || path->m.min_rtt_us > path->m.srtt_us)
        back = path->m.srtt_us / 2;
    return rtt - back;
}

/* Whether there is an estimate at all. */
static inline bool mps_sched_known(const struct mps_sched_path *path)
{
    return mps_sched_rate(path) > 0 && path->m.srtt_us > 0;
}

/* Time until `len` more bytes have arrived, in us. mps_sched_known. */
static inline uint64_t mps_sched_arrival(const struct mps_sched_path *path, uint64_t len)
{
    return mps_sched_send_time(mps_sched_backlog(path) + len, mps_sched_rate(path)) +
           mps_sched_delay(path);
}
