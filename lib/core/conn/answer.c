/* SPDX-License-Identifier: MIT */
#include "answer.h"
#include "core/base/constants.h"

void mps_answer_init(struct mps_answer *a)
{
    *a = (struct mps_answer){.look_at = MPS_NEVER};
}

void mps_answer_await(struct mps_answer *a, mps_time_t now)
{
    mps_answer_init(a);
    a->since = now;
    a->look_at = now + MPS_ANSWER_LOOK_MIN;
}

void mps_answer_end(struct mps_answer *a)
{
    a->since = 0;
    a->look_at = MPS_NEVER;
}

bool mps_answer_hello_arrived(const struct mps_answer *a, const struct mps_metrics *m)
{
    return a->measured && m->acked > a->acked;
}

bool mps_answer_hello_repeated(const struct mps_answer *a, const struct mps_metrics *m)
{
    return a->measured && m->repeats != a->repeats_before;
}

/* The longer it takes, the less often; half a round trip at least changes nothing. */
static mps_time_t pause(const struct mps_answer *a, mps_time_t rtt, mps_time_t now)
{
    mps_time_t t = (now - a->since) / 8;

    if (t > MPS_ANSWER_LOOK_MAX)
        t = MPS_ANSWER_LOOK_MAX;
    if (t < rtt / 2)
        t = rtt / 2;
    return t > MPS_ANSWER_LOOK_MIN ? t : MPS_ANSWER_LOOK_MIN;
}

void mps_answer_looked(struct mps_answer *a, mps_time_t now)
{
    if (a->look_at <= now)
        a->look_at = now + pause(a, 0, now);
}

static bool is_unheard(struct mps_answer *a, const struct mps_metrics *m, mps_time_t rtt,
                       mps_time_t now)
{
    if (m->repeats != a->repeats) {
        a->repeats = m->repeats;
        a->repeated_at = now;
    }
    return !mps_answer_hello_arrived(a, m) && m->delivered > m->acked &&
           m->repeats - a->repeats_before >= MPS_ANSWER_REPEATS &&
           now - a->repeated_at >= 2 * rtt + MPS_ANSWER_SLACK;
}

static bool is_eaten(struct mps_answer *a, const struct mps_metrics *m, mps_time_t rtt,
                     mps_time_t now)
{
    mps_time_t wait = 8 * rtt;

    if (m->beyond == 0)
        return false;
    /* A path that is silent altogether cannot bring the repetition either. */
    if (m->in_flight > 0 && (mps_time_t)m->ack_age_us * MPS_USEC > 2 * rtt + MPS_ANSWER_SLACK) {
        a->beyond_at = now;
        return false;
    }
    if (a->beyond_at == 0)
        a->beyond_at = now;
    if (wait < MPS_ANSWER_EATEN_WAIT)
        wait = MPS_ANSWER_EATEN_WAIT;
    return now - a->beyond_at >= wait;
}

enum mps_answer_verdict mps_answer_update(struct mps_answer *a, const struct mps_metrics *m,
                                          mps_time_t now)
{
    mps_time_t rtt = (mps_time_t)m->srtt_us * MPS_USEC;

    if (a->since == 0)
        return MPS_ANSWER_AWAITED;
    if (!a->measured) {
        a->measured = true;
        a->acked = m->acked;
        a->repeats_before = a->repeats = m->repeats;
    }
    if (a->look_at <= now)
        a->look_at = now + pause(a, rtt, now);
    if (is_unheard(a, m, rtt, now))
        return MPS_ANSWER_UNHEARD;
    return is_eaten(a, m, rtt, now) ? MPS_ANSWER_EATEN : MPS_ANSWER_AWAITED;
}
