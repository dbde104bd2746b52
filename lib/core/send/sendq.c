/* SPDX-License-Identifier: MIT */
#include "sendq.h"
#include <string.h>
#include "core/base/err.h"

#define RING_MIN 4

struct mps_sendq_chunk {
    struct mps_list orphan; /* linked while released and still pinned */
    uint32_t pins;
    bool released;
    uint8_t data[MPS_SENDQ_CHUNK];
};

void mps_sendq_init(struct mps_sendq *q, const struct mps_mem *mem, uint64_t limit)
{
    *q = (struct mps_sendq){.mem = mem, .limit = limit};
    mps_list_init(&q->orphans);
}

static struct mps_sendq_chunk *chunk_at(const struct mps_sendq *q, uint32_t i)
{
    return q->ring[(q->first + i) & (q->ring_size - 1)];
}

void mps_sendq_deinit(struct mps_sendq *q)
{
    struct mps_sendq_chunk *c, *tmp;

    for (uint32_t i = 0; i < q->n_chunks; i++)
        mps_free(q->mem, chunk_at(q, i));
    mps_list_for_each_safe(c, tmp, &q->orphans, struct mps_sendq_chunk, orphan)
        mps_free(q->mem, c);
    mps_free(q->mem, q->spare);
    mps_free(q->mem, q->ring);
    mps_sendq_init(q, q->mem, q->limit);
}

void mps_sendq_set_limit(struct mps_sendq *q, uint64_t limit)
{
    q->limit = limit;
}

/* Make room for one more entry in the ring. */
static int grow_ring(struct mps_sendq *q)
{
    uint32_t size = q->ring_size ? 2 * q->ring_size : RING_MIN;
    struct mps_sendq_chunk **ring;

    if (q->n_chunks < q->ring_size)
        return 0;
    ring = mps_alloc(q->mem, size * sizeof(struct mps_sendq_chunk *));
    if (!ring)
        return MPS_ENOMEM;
    for (uint32_t i = 0; i < q->n_chunks; i++)
        ring[i] = chunk_at(q, i);
    mps_free(q->mem, q->ring);
    q->ring = ring;
    q->ring_size = size;
    q->first = 0;
    return 0;
}

/* Give an empty queue's ring back, so that a failed or finished use leaves no memory behind. */
static void drop_if_empty(struct mps_sendq *q)
{
    if (q->n_chunks)
        return;
    mps_free(q->mem, q->spare);
    mps_free(q->mem, q->ring);
    q->spare = NULL;
    q->ring = NULL;
    q->ring_size = 0;
    q->first = 0;
}

static int append_chunk(struct mps_sendq *q)
{
    struct mps_sendq_chunk *c;
    int rc = grow_ring(q);

    if (rc)
        return rc;
    c = q->spare;
    q->spare = NULL;
    if (!c)
        c = mps_alloc_raw(q->mem, sizeof(*c));
    if (!c) {
        drop_if_empty(q);
        return MPS_ENOMEM;
    }
    mps_list_init(&c->orphan);
    c->pins = 0;
    c->released = false;
    if (!q->n_chunks)
        q->base = q->tail;
    q->ring[(q->first + q->n_chunks) & (q->ring_size - 1)] = c;
    q->n_chunks++;
    return 0;
}

/* Bytes that fit behind the tail without another chunk and within the limit. */
static uint64_t room(const struct mps_sendq *q)
{
    uint64_t chunk_room = q->base + (uint64_t)q->n_chunks * MPS_SENDQ_CHUNK - q->tail;
    uint64_t size = q->tail - q->head;
    uint64_t left = q->limit > size ? q->limit - size : 0;

    if (!q->n_chunks)
        return 0;
    return chunk_room < left ? chunk_room : left;
}

bool mps_sendq_is_at_end(const struct mps_sendq *q)
{
    return !q->n_chunks || q->tail == q->base + (uint64_t)q->n_chunks * MPS_SENDQ_CHUNK;
}

int mps_sendq_space(struct mps_sendq *q, struct mps_span *ret)
{
    if (q->tail - q->head >= q->limit) {
        *ret = (struct mps_span){0};
        return 0;
    }
    if (mps_sendq_is_at_end(q)) {
        int rc = append_chunk(q);

        if (rc)
            return rc;
    }
    ret->p = chunk_at(q, q->n_chunks - 1)->data + (q->tail - q->base) % MPS_SENDQ_CHUNK;
    ret->n = (size_t)room(q);
    return 0;
}

uint64_t mps_sendq_tail(const struct mps_sendq *q)
{
    return q->tail;
}

uint64_t mps_sendq_size(const struct mps_sendq *q)
{
    return q->tail - q->head;
}

unsigned mps_sendq_spans(const struct mps_sendq *q, uint64_t dsn, uint64_t len,
                         struct mps_span *spans, unsigned max)
{
    uint64_t end = len < UINT64_MAX - dsn ? dsn + len : UINT64_MAX;
    unsigned n = 0;

    if (dsn < q->head)
        dsn = q->head;
    if (end > q->tail)
        end = q->tail;
    while (dsn < end && n < max) {
        uint64_t off = dsn - q->base;
        uint64_t in_chunk = off % MPS_SENDQ_CHUNK;
        uint64_t part = MPS_SENDQ_CHUNK - in_chunk;

        if (part > end - dsn)
            part = end - dsn;
        spans[n].p = chunk_at(q, (uint32_t)(off / MPS_SENDQ_CHUNK))->data + in_chunk;
        spans[n].n = (size_t)part;
        n++;
        dsn += part;
    }
    return n;
}

int mps_sendq_pin(struct mps_sendq *q, uint64_t dsn, uint64_t len, struct mps_sendq_pin *ret)
{
    struct mps_sendq_pin pin = {0};
    uint32_t i;

    if (len > MPS_SENDQ_CHUNK || dsn < q->head || dsn > q->tail || len > q->tail - dsn)
        return MPS_EINVAL;
    if (len) {
        pin.n = mps_sendq_spans(q, dsn, len, pin.spans, 2);
        i = (uint32_t)((dsn - q->base) / MPS_SENDQ_CHUNK);
        for (unsigned k = 0; k < pin.n; k++) {
            pin.chunk[k] = chunk_at(q, i + k);
            pin.chunk[k]->pins++;
        }
    }
    *ret = pin;
    return 0;
}

void mps_sendq_unpin(struct mps_sendq *q, struct mps_sendq_pin *pin)
{
    for (unsigned k = 0; k < pin->n; k++) {
        struct mps_sendq_chunk *c = pin->chunk[k];

        if (--c->pins == 0 && c->released) {
            mps_list_remove(&c->orphan);
            mps_free(q->mem, c);
        }
    }
    *pin = (struct mps_sendq_pin){0};
}

/* The first chunk is not needed by the queue any more. */
static void drop_first(struct mps_sendq *q)
{
    struct mps_sendq_chunk *c = chunk_at(q, 0);

    q->first = (q->first + 1) & (q->ring_size - 1);
    q->n_chunks--;
    q->base += MPS_SENDQ_CHUNK;
    if (c->pins) {
        c->released = true;
        mps_list_push_back(&q->orphans, &c->orphan);
    } else if (!q->spare) {
        q->spare = c;
    } else {
        mps_free(q->mem, c);
    }
}

/* Free the chunks wholly below the head, and all of them if nothing is held. */
static void drop_unused(struct mps_sendq *q)
{
    while (q->n_chunks && (q->head == q->tail || q->head - q->base >= MPS_SENDQ_CHUNK))
        drop_first(q);
    drop_if_empty(q);
}

void mps_sendq_release(struct mps_sendq *q, uint64_t up_to)
{
    if (up_to > q->tail)
        up_to = q->tail;
    if (up_to <= q->head)
        return;
    q->head = up_to;
    drop_unused(q);
}

void mps_sendq_commit(struct mps_sendq *q, size_t n)
{
    uint64_t max = room(q);

    q->tail += n < max ? n : max;
    drop_unused(q);
}

static bool orphans_kept(const struct mps_sendq *q)
{
    const struct mps_sendq_chunk *c;

    mps_list_for_each(c, &q->orphans, const struct mps_sendq_chunk, orphan) {
        if (!c->released || c->pins == 0)
            return false;
    }
    return true;
}

const char *mps_sendq_check(const struct mps_sendq *q)
{
    if (q->head > q->tail)
        return "sendq: the head is behind the tail";
    if (q->ring_size & (q->ring_size - 1) || (q->ring_size == 0) != !q->ring)
        return "sendq: the size of the ring is no power of two";
    if (q->n_chunks > q->ring_size)
        return "sendq: more chunks than the ring has places";
    if (q->n_chunks == 0 && (q->head != q->tail || q->ring || q->spare))
        return "sendq: an empty queue holds memory, or bytes have no chunk";
    if (q->n_chunks > 0 && (q->head < q->base || q->head - q->base >= MPS_SENDQ_CHUNK))
        return "sendq: the head is not in the first chunk";
    if (q->n_chunks > 0 && (q->tail - q->base > (uint64_t)q->n_chunks * MPS_SENDQ_CHUNK ||
                            q->tail - q->base < (uint64_t)(q->n_chunks - 1) * MPS_SENDQ_CHUNK))
        return "sendq: the tail is not in the last chunk";
    for (uint32_t i = 0; i < q->n_chunks; i++) {
        if (!chunk_at(q, i) || chunk_at(q, i)->released)
            return "sendq: a chunk in use counts as released";
    }
    return orphans_kept(q) ? NULL : "sendq: a released chunk is kept that nobody has pinned";
}
