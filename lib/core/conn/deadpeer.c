/* SPDX-License-Identifier: MIT */
#include "deadpeer.h"

void mps_deadpeer_init(struct mps_deadpeer *d, mps_time_t now)
{
    *d = (struct mps_deadpeer){.heard_at = now, .waits_since = MPS_NEVER};
}

void mps_deadpeer_set(struct mps_deadpeer *d, const struct mps_timeouts *t)
{
    d->t = *t;
    d->probes = 0;
}

void mps_deadpeer_heard(struct mps_deadpeer *d, mps_time_t now)
{
    d->heard_at = now;
    d->probes = 0;
}

void mps_deadpeer_waiting(struct mps_deadpeer *d, bool waiting, uint64_t progress, mps_time_t now)
{
    if (!waiting)
        d->waits_since = MPS_NEVER;
    else if (d->waits_since == MPS_NEVER || progress != d->progress)
        d->waits_since = now;
    d->progress = progress;
}

/* As TCP: while data waits it is that which tells, and no probe is needed. */
static mps_time_t probe_at(const struct mps_deadpeer *d)
{
    if (d->t.keep_idle == 0 || d->waits_since != MPS_NEVER)
        return MPS_NEVER;
    return d->probes == 0 ? d->heard_at + d->t.keep_idle : d->probed_at + d->t.keep_interval;
}

static mps_time_t patience_ends(const struct mps_deadpeer *d)
{
    if (d->t.user == 0 || d->waits_since == MPS_NEVER)
        return MPS_NEVER;
    return d->waits_since + d->t.user;
}

mps_time_t mps_deadpeer_deadline(const struct mps_deadpeer *d)
{
    mps_time_t probe = probe_at(d), end = patience_ends(d);

    return probe < end ? probe : end;
}

/* A user timeout takes the place of the number of probes. */
static bool probed_enough(const struct mps_deadpeer *d, mps_time_t now)
{
    if (d->t.user > 0)
        return d->probes > 0 && now - d->heard_at >= d->t.user;
    return d->probes >= d->t.keep_count;
}

enum mps_deadpeer_verdict mps_deadpeer_check(struct mps_deadpeer *d, mps_time_t now)
{
    if (patience_ends(d) <= now)
        return MPS_DEADPEER_DEAD;
    if (probe_at(d) > now)
        return MPS_DEADPEER_NOTHING;
    if (probed_enough(d, now))
        return MPS_DEADPEER_DEAD;
    d->probes++;
    d->probed_at = now;
    return MPS_DEADPEER_PROBE;
}
