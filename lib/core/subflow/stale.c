/* SPDX-License-Identifier: MIT */
#include "stale.h"
#include "core/base/constants.h"

/* No progress for srtt + max(4 rttvar, this): longer than a peer's delayed TCP acknowledgment. */
#define STALE_FLOOR    (50 * MPS_MSEC)
#define STALE_PONG     (200 * MPS_MSEC) /* the same for a PONG: the peer's agent may be busy */
#define STALE_UNKNOWN  (1 * MPS_SEC)    /* the same while srtt is unknown */
#define STALE_LOOK_MAX (1 * MPS_SEC)    /* between two looks at a stale subflow, at most */

void mps_stale_init(struct mps_stale *s)
{
    *s = (struct mps_stale){.check_at = MPS_NEVER};
}

static mps_time_t threshold(const struct mps_metrics *m, mps_time_t floor)
{
    mps_time_t var = 4 * (mps_time_t)m->rttvar_us * MPS_USEC;

    if (m->srtt_us == 0)
        return STALE_UNKNOWN;
    return (mps_time_t)m->srtt_us * MPS_USEC + (var > floor ? var : floor);
}

/* Until the next look at a silent path: the longer the silence, the less often. */
static mps_time_t pause(const struct mps_stale *s, mps_time_t max, mps_time_t now)
{
    mps_time_t t = s->stale ? (now - s->since) / 4 : 0;

    if (t > STALE_LOOK_MAX)
        t = STALE_LOOK_MAX;
    return t > max ? t : max;
}

void mps_stale_heard(struct mps_stale *s, mps_time_t now)
{
    s->heard_at = now;
    s->asked_at = 0;
}

void mps_stale_asked(struct mps_stale *s, const struct mps_metrics *m, mps_time_t now)
{
    mps_time_t look_at = now + threshold(m, STALE_PONG);

    s->asked_at = now;
    if (look_at < s->check_at)
        s->check_at = look_at;
}

mps_time_t mps_stale_doubted(struct mps_stale *s, const struct mps_metrics *m, mps_time_t now)
{
    s->doubted = true;
    if (!s->stale)
        s->since = now;
    s->stale = true;
    return threshold(m, STALE_PONG);
}

void mps_stale_answered(struct mps_stale *s, mps_time_t now)
{
    s->doubted = s->stale = false;
    mps_stale_heard(s, now);
}

/* TCP's view: nothing, or too late, or in time. */
static bool tcp_is_stale(struct mps_stale *s, const struct mps_metrics *m, mps_time_t now)
{
    mps_time_t age = (mps_time_t)m->ack_age_us * MPS_USEC;
    mps_time_t max = threshold(m, STALE_FLOOR);

    if (m->in_flight == 0)
        return false;
    /*
     * Back-off counts while nothing is acknowledged: data of the peer that still arrives keeps the
     * age low, and the back-off itself may linger after a repair.
     */
    return age > max || (m->backoff > 0 && now - s->progress_at > max);
}

bool mps_stale_update(struct mps_stale *s, const struct mps_metrics *m, mps_time_t now)
{
    bool was = s->stale;
    mps_time_t age = (mps_time_t)m->ack_age_us * MPS_USEC;
    mps_time_t max = threshold(m, STALE_FLOOR), answer_at = MPS_NEVER;

    if (m->acked > s->acked || m->in_flight == 0)
        s->progress_at = now;
    s->acked = m->acked;
    if (s->asked_at != 0)
        answer_at = s->asked_at + threshold(m, STALE_PONG);
    s->stale = tcp_is_stale(s, m, now) || answer_at <= now || s->doubted;
    if (s->stale && !was)
        s->since = now;
    s->check_at = answer_at;
    if (s->stale)
        s->check_at = now + pause(s, max, now);
    else if (m->in_flight > 0 && now + (age < max ? max - age : max) < answer_at)
        s->check_at = now + (age < max ? max - age : max);
    return s->stale != was;
}

void mps_stale_checked(struct mps_stale *s, const struct mps_metrics *m, mps_time_t now)
{
    if (s->check_at <= now)
        s->check_at = now + pause(s, threshold(m, STALE_FLOOR), now) / 2;
}

bool mps_stale_silent(const struct mps_stale *s, mps_time_t now)
{
    return s->stale && now - s->since >= MPS_STALE_SILENT;
}

bool mps_stale_hopeless(const struct mps_stale *s, mps_time_t now)
{
    return s->stale && now - s->since >= MPS_STALE_HOPELESS;
}
