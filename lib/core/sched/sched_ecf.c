/* SPDX-License-Identifier: MIT */
/*
 * ecf, the default: earliest expected completion, with the waiting rules of ECF (Lim et al. 2017)
 * and BLEST (Ferlin et al. 2016), in continuous form.
 *
 * A run of `len` bytes given to path i is complete after (us)
 *
 *     t_i = (backlog_i + len) / rate_i + delay_i
 *
 * backlog_i: bytes framed or in the socket, unsent; rate_i, delay_i: sched_path.h. The smallest
 * t_i over all eligible paths, full or not, is the best. If it has room it gets the run.
 *
 * Otherwise let s be the path with room whose t is smallest, and F the paths with t_i < t_s.
 * Waiting for F instead of using s is right in two cases:
 *
 *  ECF: by the time s delivered, F could deliver everything that waits:
 *     sum over F of rate_i * (t_s * k - delay_i) - backlog_i  >=  unsent
 *     where k = 1, or 5/4 while waiting already (hysteresis, beta of ECF). Not where the send buffer
 *     is full: then a program waits with more than that.
 *
 *  BLEST: while s delivers, the run blocks the window; what F could send meanwhile would not fit
 *     behind it:
 *     sum over F of rate_i * t_s - backlog_i  >  window - len - outstanding of s
 *     It is the whole window, not what is left of it: everything before the run has arrived by the
 *     time that it is waited for.
 *
 * Of paths with different weights t_i counts as much longer as a path is lighter than the heaviest.
 *
 * A path of unknown rate or RTT has no t_i. It gets one run at a time, when the best known path is
 * full, or when no path is known.
 */
#include "sched_path.h"

/* Size of the run the estimates assume; its exact size is decided after the choice. */
#define RUN_MAX 16384

struct estimate {
    uint64_t rate; /* bytes per second, 0: unknown */
    uint64_t done; /* t_i, us */
};

static struct estimate estimate(const struct mps_sched_path *path, uint64_t len, unsigned weight)
{
    struct estimate e = {0};

    if (mps_sched_known(path)) {
        e.rate = mps_sched_rate(path);
        e.done = mps_sched_weigh(mps_sched_arrival(path, len), path, weight);
    }
    return e;
}

/* a - b, not below 0. */
static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Whether the paths that are faster than `slow` should get the waiting data instead of it. */
static bool should_wait(const struct mps_ecf_state *st, const struct mps_sched_input *in,
                        bool normal, uint64_t len, int slow)
{
    unsigned weight = mps_sched_max_weight(in);
    uint64_t t_slow = estimate(&in->paths[slow], len, weight).done;
    uint64_t t_ecf = st->waiting ? t_slow + t_slow / 4 : t_slow;
    uint64_t delivered = 0, sent = 0, outstanding;

    for (unsigned i = 0; i < in->n_paths; i++) {
        const struct mps_sched_path *path = &in->paths[i];
        struct estimate e = estimate(path, len, weight);

        if (!mps_sched_eligible(path, normal) || e.rate == 0 || e.done >= t_slow)
            continue;
        uint64_t backlog = mps_sched_backlog(path);
        uint64_t usable = minus(t_ecf, mps_sched_delay(path));

        delivered += minus(mps_sched_bytes_in(usable, e.rate), backlog);
        sent += minus(mps_sched_bytes_in(t_slow, e.rate), backlog);
    }
    if (!in->more && delivered >= (in->unsent > len ? in->unsent : len))
        return true;
    outstanding = mps_sched_backlog(&in->paths[slow]) + mps_sched_in_flight(&in->paths[slow]);
    /* A run that was sent before is in the window already. */
    return !in->reinject && sent > minus(in->window, len + outstanding);
}

/* An unmeasured path: with nothing on its way, or (`any`) with the least. */
static int pick_unknown(const struct mps_sched_input *in, bool normal, bool any)
{
    int best = MPS_SCHED_NONE;
    uint64_t least = 0;

    for (unsigned i = 0; i < in->n_paths; i++) {
        const struct mps_sched_path *path = &in->paths[i];

        if (!mps_sched_eligible(path, normal) || path->room == 0 || estimate(path, 0, 1).rate > 0)
            continue;
        uint64_t out = mps_sched_backlog(path) + mps_sched_in_flight(path);

        if (out > 0 && !any)
            continue;
        if (best == MPS_SCHED_NONE || out < least) {
            best = (int)i;
            least = out;
        }
    }
    return best;
}

static int pick(void *state, const struct mps_sched_input *in)
{
    struct mps_ecf_state *st = state;
    bool normal = mps_sched_has_normal(in);
    uint64_t len = in->unsent > 0 ? mps_sched_min(in->unsent, RUN_MAX) : RUN_MAX;
    int best = MPS_SCHED_NONE, open = MPS_SCHED_NONE; /* over all paths; over those with room */
    uint64_t t_best = 0, t_open = 0;
    unsigned weight = mps_sched_max_weight(in);

    for (unsigned i = 0; i < in->n_paths; i++) {
        const struct mps_sched_path *path = &in->paths[i];
        struct estimate e = estimate(path, len, weight);

        if (!mps_sched_eligible(path, normal) || e.rate == 0)
            continue;
        if (best == MPS_SCHED_NONE || e.done < t_best) {
            best = (int)i;
            t_best = e.done;
        }
        if (path->room > 0 && (open == MPS_SCHED_NONE || e.done < t_open)) {
            open = (int)i;
            t_open = e.done;
        }
    }
    if (best == MPS_SCHED_NONE)
        return pick_unknown(in, normal, true);
    /* Equally good and with room is best, too. */
    if (open != MPS_SCHED_NONE && t_open == t_best) {
        st->waiting = false;
        return open;
    }
    if (open != MPS_SCHED_NONE && !should_wait(st, in, normal, len, open)) {
        st->waiting = false;
        return open;
    }
    if (open != MPS_SCHED_NONE)
        st->waiting = true;
    return pick_unknown(in, normal, false);
}

const struct mps_sched_ops mps_sched_ecf = {
    .name = "ecf",
    .state_size = sizeof(struct mps_ecf_state),
    .pick = pick,
    .in_time = true,
};
