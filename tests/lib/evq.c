/* SPDX-License-Identifier: MIT */
#include "evq.h"
#include <stdlib.h>
#include <string.h>

void evq_init(struct evq *q, mps_time_t now)
{
    memset(q, 0, sizeof(*q));
    q->now = now;
}

void evq_deinit(struct evq *q)
{
    free(q->heap);
    q->heap = NULL;
    q->n = q->cap = 0;
}

static bool before(const struct evq_event *x, const struct evq_event *y)
{
    return x->at != y->at ? x->at < y->at : x->seq < y->seq;
}

void evq_post(struct evq *q, mps_time_t at, evq_fn *fn, void *obj, struct evq_args args)
{
    if (q->n == q->cap) {
        q->cap = q->cap > 0 ? 2 * q->cap : 256;
        q->heap = realloc(q->heap, q->cap * sizeof(*q->heap));
        if (q->heap == NULL)
            abort();
    }
    struct evq_event event = {
        .at = at > q->now ? at : q->now,
        .seq = q->seq++,
        .fn = fn,
        .obj = obj,
        .args = args,
    };
    size_t i = q->n++;

    while (i > 0 && before(&event, &q->heap[(i - 1) / 2])) {
        q->heap[i] = q->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    q->heap[i] = event;
}

/* Remove the first event: the last one sinks from the top. */
static struct evq_event pop(struct evq *q)
{
    struct evq_event first = q->heap[0], last = q->heap[--q->n];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= q->n)
            break;
        if (child + 1 < q->n && before(&q->heap[child + 1], &q->heap[child]))
            child++;
        if (!before(&q->heap[child], &last))
            break;
        q->heap[i] = q->heap[child];
        i = child;
    }
    if (q->n > 0)
        q->heap[i] = last;
    return first;
}

bool evq_step(struct evq *q, mps_time_t until)
{
    if (q->n == 0 || q->heap[0].at > until) {
        if (until != MPS_NEVER && until > q->now)
            q->now = until;
        return false;
    }
    struct evq_event event = pop(q);

    q->now = event.at;
    event.fn(event.obj, &event.args);
    return true;
}
