/* SPDX-License-Identifier: MIT */
#include "repeats.h"
#include <stdlib.h>
#include <string.h>

#define WELL_BEFORE (10 * MPS_MSEC)
#define UNITS       (1u << 22) /* of the stream, by dsn / UNIT: who brought it first, and when */
#define UNIT        512u
#define OPEN_MAX    8192u

struct first {
    mps_time_t at; /* 0: it has not come */
    uint32_t subflow;
};

struct copy {
    uint64_t last; /* byte */
    uint32_t len, subflow;
    enum mps_cause cause;
    bool waits; /* it was first: for the original */
};

static struct {
    struct world *w;
    struct mps_trace sent, received;
    struct first *first; /* UNITS */
    struct copy open[OPEN_MAX];
    unsigned n;
    struct repeats sums;
} r;

static enum mps_cause cause_of(const char *name)
{
    unsigned i = 0;

    while (i < REPEATS_CAUSES && strcmp(mps_cause_name((enum mps_cause)i), name) != 0)
        i++;
    return (enum mps_cause)i;
}

static struct first *first_of(uint64_t byte)
{
    return &r.first[byte / UNIT % UNITS];
}

static void on_sent(void *user, const struct mps_trace_record *record)
{
    enum mps_cause cause;

    (void)user;
    if (record->type != MPS_TRACE_SENT || record->sent.length == 0)
        return;
    cause = cause_of(record->sent.cause);
    for (uint64_t at = record->sent.dsn;
         cause == MPS_CAUSE_NEW && at < record->sent.dsn + record->sent.length; at += UNIT)
        first_of(at)->at = 0;
    if (cause == MPS_CAUSE_NEW)
        return;
    r.sums.bytes[cause] += record->sent.length;
    if (r.n < OPEN_MAX)
        r.open[r.n++] = (struct copy){record->sent.dsn + record->sent.length - 1,
                                      (uint32_t)record->sent.length, record->subflow, cause, false};
}

/* The last byte of the copy has come on `subflow`. True: nothing more is to be known. */
static bool judge(struct copy *copy, uint32_t subflow, mps_time_t now)
{
    const struct first *first = first_of(copy->last);

    if (subflow == copy->subflow && first->at != 0 && first->subflow != subflow)
        return true; /* in vain */
    if (subflow == copy->subflow) {
        copy->waits = true;
        return false;
    }
    if (!copy->waits)
        return false;
    if (now - first->at >= WELL_BEFORE)
        r.sums.useful[copy->cause] += copy->len;
    return true;
}

static void on_received(void *user, const struct mps_trace_record *record)
{
    uint64_t begin = record->received.dsn, end = begin + record->received.length;
    mps_time_t now = r.w->net.q.now;

    (void)user;
    if (record->type != MPS_TRACE_RECEIVED || record->received.length == 0)
        return;
    for (unsigned i = 0; i < r.n;) {
        if (r.open[i].last >= begin && r.open[i].last < end &&
            judge(&r.open[i], record->subflow, now))
            r.open[i] = r.open[--r.n];
        else
            i++;
    }
    for (uint64_t at = begin / UNIT; at <= (end - 1) / UNIT; at++) {
        struct first *first = &r.first[at % UNITS];

        if (first->at == 0)
            *first = (struct first){now, record->subflow};
    }
}

void repeats_watch(struct world *w, unsigned sender)
{
    struct first *first = r.first != NULL ? r.first : malloc(UNITS * sizeof(*first));

    if (first == NULL)
        abort();
    memset(first, 0, UNITS * sizeof(*first));
    memset(&r, 0, sizeof(r));
    r.w = w;
    r.first = first;
    r.sent = (struct mps_trace){on_sent, NULL};
    r.received = (struct mps_trace){on_received, NULL};
    w->host[sender].env.trace = &r.sent;
    w->host[1 - sender].env.trace = &r.received;
}

struct repeats repeats_end(void)
{
    for (unsigned i = 0; i < r.n; i++) {
        if (r.open[i].waits)
            r.sums.useful[r.open[i].cause] += r.open[i].len;
    }
    return r.sums;
}
