/* SPDX-License-Identifier: MIT */
#include "answer.h"
#include "core/base/constants.h"

#define ANSWER_LOOK_MIN   (20 * MPS_MSEC)  /* between two looks at TCP, at least, or half a round */
#define ANSWER_LOOK_MAX   (500 * MPS_MSEC) /* trip; and at most */
#define ANSWER_REPEATS    2u               /* of TCP in vain: by its fast repair, and its timer */
#define ANSWER_SLACK      (100 * MPS_MSEC) /* and two round trips, for the acknowledgment of these */
#define ANSWER_SILENT     (300 * MPS_MSEC) /* and two round trips: TCP delays a lone one up to 200 ms */
#define ANSWER_EATEN_WAIT (750 * MPS_MSEC) /* TCP's timer (200 ms at least) runs out twice */

void mps_answer_init(struct mps_answer *a)
{
    *a = (struct mps_answer){.look_at = MPS_NEVER};
}

void mps_answer_await(struct mps_answer *a, mps_time_t now)
{
    mps_answer_init(a);
    a->since = now;
    a->look_at = now + ANSWER_LOOK_MIN;
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

    if (t > ANSWER_LOOK_MAX)
        t = ANSWER_LOOK_MAX;
    if (t < rtt / 2)
        t = rtt / 2;
    return t > ANSWER_LOOK_MIN ? t : ANSWER_LOOK_MIN;
}

void mps_answer_looked(struct mps_answer *a, mps_time_t now)
{
    if (a->look_at <= now)
        a->look_at = now + pause(a, 0, now);
}

/*
 * A silent path brings no answer either; what TCP has sent again may have arrived there, and the
 * acknowledgment may be lost. So the peer is sent something: what TCP acknowledges after that tells
 * a box from an outage. True: it is a box.
 */
static bool answers(struct mps_question *q, const struct mps_metrics *m)
{
    return q->asked && m->delivered > q->delivered;
}

static enum mps_answer_verdict ask(struct mps_answer *a, struct mps_question *q,
                                   const struct mps_metrics *m, mps_time_t rtt, mps_time_t now)
{
    mps_time_t again = now + (rtt > ANSWER_LOOK_MIN ? rtt : ANSWER_LOOK_MIN);

    if (q->asked)
        return MPS_ANSWER_AWAITED;
    *q = (struct mps_question){.asked = true, .delivered = m->delivered};
    if (again < a->look_at)
        a->look_at = again;
    return MPS_ANSWER_ASK;
}

/*
 * HELLO is behind a hole there. Asked at TCP's first repetition, since it holds back after the
 * next.
 */
static enum mps_answer_verdict unheard(struct mps_answer *a, const struct mps_metrics *m,
                                       mps_time_t rtt, mps_time_t now)
{
    if (m->repeats != a->repeats) {
        a->repeats = m->repeats;
        a->repeated_at = now;
    }
    if (mps_answer_hello_arrived(a, m) || m->delivered <= m->acked ||
        m->repeats == a->repeats_before)
        return MPS_ANSWER_AWAITED;
    if (answers(&a->heard, m) && m->repeats - a->repeats_before >= ANSWER_REPEATS &&
        now - a->repeated_at >= 2 * rtt + ANSWER_SLACK)
        return MPS_ANSWER_UNHEARD;
    return ask(a, &a->heard, m, rtt, now);
}

/*
 * The answer is behind a hole here. After a silence what TCP repeats there comes after as long
 * again at the latest: its timer doubles.
 */
static enum mps_answer_verdict eaten(struct mps_answer *a, const struct mps_metrics *m,
                                     mps_time_t rtt, mps_time_t now)
{
    mps_time_t wait = 8 * rtt;

    if (m->beyond == 0)
        return MPS_ANSWER_AWAITED;
    if (a->beyond_at == 0)
        a->first_beyond_at = a->beyond_at = now;
    if (m->in_flight > 0 && (mps_time_t)m->ack_age_us * MPS_USEC > 2 * rtt + ANSWER_SILENT) {
        a->beyond_at = now;
        a->answered.asked = false;
    }
    if (wait < ANSWER_EATEN_WAIT)
        wait = ANSWER_EATEN_WAIT;
    if (wait < a->beyond_at - a->first_beyond_at)
        wait = a->beyond_at - a->first_beyond_at;
    if (now - a->beyond_at < wait)
        return MPS_ANSWER_AWAITED;
    if (answers(&a->answered, m))
        return MPS_ANSWER_EATEN;
    return ask(a, &a->answered, m, rtt, now);
}

enum mps_answer_verdict mps_answer_update(struct mps_answer *a, const struct mps_metrics *m,
                                          mps_time_t now)
{
    mps_time_t rtt = (mps_time_t)m->srtt_us * MPS_USEC;
    enum mps_answer_verdict verdict;

    if (a->since == 0)
        return MPS_ANSWER_AWAITED;
    if (!a->measured) {
        a->measured = true;
        a->acked = m->acked;
        a->repeats_before = a->repeats = m->repeats;
    }
    if (a->look_at <= now)
        a->look_at = now + pause(a, rtt, now);
    verdict = unheard(a, m, rtt, now);
    return verdict == MPS_ANSWER_AWAITED ? eaten(a, m, rtt, now) : verdict;
}
