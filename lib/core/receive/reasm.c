/* SPDX-License-Identifier: MIT */
#include "reasm.h"
#include <string.h>
#include "core/base/err.h"

#define BLOCK     4096u /* sequence space of a shared block at most */
#define SMALL     1024u /* payloads below this are copied into shared blocks */
#define WORD_BITS 64u

void mps_reasm_init(struct mps_reasm *r, const struct mps_mem *mem)
{
    *r = (struct mps_reasm){.mem = mem};
    mps_list_init(&r->chunks);
}

/* ---- chunks ---- */

static uint64_t end_of(const struct mps_reasm_chunk *c)
{
    return c->dsn + c->len;
}

/* `words`: of the bitmap, 0 for a chunk that is wholly there. */
static struct mps_reasm_chunk *new_chunk(struct mps_reasm *r, uint64_t dsn, uint32_t len,
                                         uint32_t words)
{
    uint32_t head = (uint32_t)(sizeof(struct mps_reasm_chunk) + words * sizeof(uint64_t));
    struct mps_reasm_chunk *c = mps_alloc_raw(r->mem, (size_t)head + len);

    if (!c)
        return NULL;
    memset(c, 0, head);
    mps_list_init(&c->node);
    c->dsn = dsn;
    c->len = len;
    c->size = head + len;
    c->bitmap = words ? (uint64_t *)(c + 1) : NULL;
    c->data = (uint8_t *)c + head;
    r->allocated += c->size;
    return c;
}

static void free_chunk(struct mps_reasm *r, struct mps_reasm_chunk *c)
{
    for (unsigned i = 0; i < MPS_REASM_HINTS; i++) {
        if (r->hints[i] == c)
            r->hints[i] = NULL;
    }
    mps_list_remove(&c->node);
    if (r->reserve && c == &r->reserve->chunk) {
        r->reserve->taken = false;
        return;
    }
    r->allocated -= c->size;
    mps_free(r->mem, c);
}

static void free_inserted(struct mps_reasm *r)
{
    struct mps_reasm_chunk *c, *tmp;

    mps_list_for_each_safe(c, tmp, &r->chunks, struct mps_reasm_chunk, node)
        free_chunk(r, c);
}

void mps_reasm_deinit(struct mps_reasm *r)
{
    free_inserted(r);
    mps_reasm_init(r, r->mem);
}

int mps_reasm_alloc(struct mps_reasm *r, uint64_t dsn, uint32_t len,
                    struct mps_reasm_chunk **ret_chunk)
{
    struct mps_reasm_chunk *c;

    if (!len || len > UINT32_MAX / 2 || len > UINT64_MAX - dsn)
        return MPS_EINVAL;
    c = new_chunk(r, dsn, len, 0);
    if (!c)
        return MPS_ENOMEM;
    *ret_chunk = c;
    return 0;
}

int mps_reasm_alloc_reserve(struct mps_reasm *r, uint64_t dsn, uint32_t len,
                            struct mps_reasm_chunk **ret_chunk)
{
    struct mps_reasm_reserve *reserve = r->reserve;

    if (!reserve || reserve->taken || len > MPS_REASM_RESERVE)
        return MPS_ENOMEM;
    reserve->taken = true;
    reserve->chunk = (struct mps_reasm_chunk){.dsn = dsn, .len = len, .data = reserve->bytes};
    reserve->chunk.size = (uint32_t)sizeof(reserve->chunk) + len;
    mps_list_init(&reserve->chunk.node);
    *ret_chunk = &reserve->chunk;
    return 0;
}

int mps_reasm_cut(struct mps_reasm *r, struct mps_reasm_chunk *chunk, uint32_t n,
                  struct mps_reasm_chunk **ret_first)
{
    struct mps_reasm_chunk *first = new_chunk(r, chunk->dsn, n, 0);

    if (!first)
        return MPS_ENOMEM;
    memcpy(first->data, chunk->data, n);
    chunk->dsn += n;
    chunk->len -= n;
    chunk->data += n;
    *ret_first = first;
    return 0;
}

void mps_reasm_abandon(struct mps_reasm *r, struct mps_reasm_chunk *chunk)
{
    if (chunk)
        free_chunk(r, chunk);
}

/* ---- shared blocks ---- */

/* First bit at or behind `from` that is `want`, `to` if there is none below it. */
static uint32_t find_bit(const uint64_t *bitmap, uint32_t from, uint32_t to, bool want)
{
    while (from < to) {
        uint64_t word = bitmap[from / WORD_BITS];

        word = (want ? word : ~word) >> (from % WORD_BITS);
        if (word) {
            from += (uint32_t)__builtin_ctzll(word);
            break;
        }
        from += WORD_BITS - from % WORD_BITS;
    }
    return from < to ? from : to;
}

static void set_bits(uint64_t *bitmap, uint32_t from, uint32_t to)
{
    while (from < to) {
        uint32_t bit = from % WORD_BITS;
        uint32_t n = to - from < WORD_BITS - bit ? to - from : WORD_BITS - bit;

        bitmap[from / WORD_BITS] |= (n == WORD_BITS ? UINT64_MAX : (1ull << n) - 1) << bit;
        from += n;
    }
}

/* Copy what is missing of [from, to), offsets in the block; returns how many bytes were. */
static uint32_t fill_block(struct mps_reasm_chunk *block, uint32_t from, uint32_t to,
                           const uint8_t *bytes)
{
    uint32_t start = from, added = 0;

    while ((from = find_bit(block->bitmap, from, to, false)) < to) {
        uint32_t end = find_bit(block->bitmap, from, to, true);

        memcpy(block->data + from, bytes + (from - start), end - from);
        set_bits(block->bitmap, from, end);
        added += end - from;
        from = end;
    }
    return added;
}

/* ---- inserting ---- */

static struct mps_reasm_chunk *entry(struct mps_list *node)
{
    return mps_list_entry(node, struct mps_reasm_chunk, node);
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a < b ? b - a : a - b;
}

/* A chunk near dsn to search from: a recent one, the first or the last; the list's head if none. */
static struct mps_list *near(struct mps_reasm *r, uint64_t dsn)
{
    struct mps_list *best = r->chunks.prev;

    if (mps_list_empty(&r->chunks))
        return best;
    if (distance(entry(r->chunks.next)->dsn, dsn) < distance(entry(best)->dsn, dsn))
        best = r->chunks.next;
    for (unsigned i = 0; i < MPS_REASM_HINTS; i++) {
        struct mps_reasm_chunk *c = r->hints[i];

        if (c && distance(c->dsn, dsn) < distance(entry(best)->dsn, dsn))
            best = &c->node;
    }
    return best;
}

/*
 * Each subflow delivers a sequence of its own, so there are several places of recent insertion:
 * a hint moves along with its sequence, a new sequence takes the next hint in turn.
 */
static void remember(struct mps_reasm *r, struct mps_reasm_chunk *c)
{
    for (unsigned i = 0; i < MPS_REASM_HINTS; i++) {
        const struct mps_reasm_chunk *h = r->hints[i];

        if (h && (h == c || c->node.prev == &h->node)) {
            r->hints[i] = c;
            return;
        }
    }
    r->hints[r->next_hint] = c;
    r->next_hint = (r->next_hint + 1) % MPS_REASM_HINTS;
}

/* The first chunk that ends behind dsn, or the list's head. */
static struct mps_list *locate(struct mps_reasm *r, uint64_t dsn)
{
    struct mps_list *pos = near(r, dsn);

    while (pos != &r->chunks && end_of(entry(pos)) > dsn)
        pos = pos->prev;
    do
        pos = pos->next;
    while (pos != &r->chunks && end_of(entry(pos)) <= dsn);
    return pos;
}

/* The part of a frame that is still to be inserted: from dsn on. */
struct incoming {
    struct mps_reasm_chunk *chunk;
    uint64_t dsn, end;
    const uint8_t *bytes; /* of dsn */
    bool linked;          /* the chunk itself was put in the list */
    uint64_t added;
};

static void pass(struct incoming *in, uint64_t n)
{
    in->dsn += n;
    in->bytes += n;
}

/* The next bytes overlap the chunk `have`: what is there stays. */
static void overlap(struct mps_reasm *r, struct incoming *in, struct mps_reasm_chunk *have)
{
    uint64_t end = end_of(have) < in->end ? end_of(have) : in->end;

    if (have->bitmap) {
        in->added += fill_block(have, (uint32_t)(in->dsn - have->dsn), (uint32_t)(end - have->dsn),
                                in->bytes);
        remember(r, have);
    }
    pass(in, end - in->dsn);
}

/*
 * A block in the hole in front of `pos` for the byte at dsn, cut from the raster of blocks by its
 * neighbours, so that all blocks together never cover more than the sequence space in use. The
 * block where the reader's bytes end starts there, and need not look back.
 */
static struct mps_reasm_chunk *new_block(struct mps_reasm *r, struct mps_list *pos, uint64_t dsn)
{
    uint64_t start = dsn == r->next ? dsn : dsn - dsn % BLOCK;
    uint64_t end = start < UINT64_MAX - BLOCK ? start + BLOCK : UINT64_MAX;
    struct mps_reasm_chunk *block;

    if (start < r->next)
        start = r->next;
    if (pos->prev != &r->chunks && start < end_of(entry(pos->prev)))
        start = end_of(entry(pos->prev));
    if (pos != &r->chunks && end > entry(pos)->dsn)
        end = entry(pos)->dsn;
    block = new_chunk(r, start, (uint32_t)(end - start),
                      (uint32_t)((end - start + WORD_BITS - 1) / WORD_BITS));
    if (block)
        mps_list_insert_before(pos, &block->node);
    return block;
}

/* Whether the frame's own chunk may keep `len` bytes without wasting much of its memory. */
static bool worth_keeping(const struct mps_reasm_chunk *c, uint64_t len)
{
    uint64_t capacity = c->size - sizeof(*c);

    return capacity - len <= len / 4;
}

/* The frame's own chunk keeps the next `len` bytes, and is put in the hole in front of `pos`. */
static void keep_chunk(struct mps_reasm *r, struct incoming *in, struct mps_list *pos, uint64_t len)
{
    struct mps_reasm_chunk *c = in->chunk;

    c->data += in->dsn - c->dsn;
    c->dsn = in->dsn;
    c->len = (uint32_t)len;
    in->linked = true;
    mps_list_insert_before(pos, &c->node);
    remember(r, c);
}

/*
 * It is in the list already, for bytes before these; all in between are there, in chunks that it
 * covers. Their bytes are in it as well: it takes their place, and needs no memory for that.
 */
static void extend_chunk(struct mps_reasm *r, struct incoming *in, const struct mps_list *pos,
                         uint64_t len)
{
    struct mps_reasm_chunk *c = in->chunk;

    while (c->node.next != pos)
        free_chunk(r, entry(c->node.next));
    c->len = (uint32_t)(in->dsn + len - c->dsn);
}

/* Store the next `len` bytes in the hole in front of `pos`, as one chunk. */
static void store_whole(struct mps_reasm *r, struct incoming *in, struct mps_list *pos,
                        uint64_t len)
{
    bool keep = !in->linked && worth_keeping(in->chunk, len);
    struct mps_reasm_chunk *c = keep ? NULL : new_chunk(r, in->dsn, (uint32_t)len, 0);

    if (c) {
        memcpy(c->data, in->bytes, (size_t)len);
        mps_list_insert_before(pos, &c->node);
        remember(r, c);
    } else if (!in->linked) {
        keep_chunk(r, in, pos, len);
    } else {
        extend_chunk(r, in, pos, len);
    }
    in->added += len;
    pass(in, len);
}

/* The next bytes lie in the hole in front of `pos`. Stores some of them at least. */
static void fill_hole(struct mps_reasm *r, struct incoming *in, struct mps_list *pos)
{
    uint64_t end = in->end;
    struct mps_reasm_chunk *block;

    if (pos != &r->chunks && entry(pos)->dsn < end)
        end = entry(pos)->dsn;
    /* A lone small payload is kept as it is: the usual case of a dialogue costs no copy. */
    block =
        end - in->dsn >= SMALL || mps_list_empty(&r->chunks) ? NULL : new_block(r, pos, in->dsn);
    if (block)
        overlap(r, in, block);
    else
        store_whole(r, in, pos, end - in->dsn);
}

/*
 * From `pos` on, the first chunk that ends behind `next`, chunks may continue the reader's bytes.
 */
static void advance(struct mps_reasm *r, const struct mps_list *pos)
{
    for (; pos != &r->chunks; pos = pos->next) {
        const struct mps_reasm_chunk *c = mps_list_entry(pos, struct mps_reasm_chunk, node);

        if (c->dsn > r->next)
            return;
        if (c->bitmap)
            r->next = c->dsn + find_bit(c->bitmap, (uint32_t)(r->next - c->dsn), c->len, false);
        else
            r->next = end_of(c);
        if (r->next < end_of(c))
            return;
    }
}

void mps_reasm_insert(struct mps_reasm *r, struct mps_reasm_chunk *chunk, uint64_t *ret_new)
{
    struct incoming in = {
        .chunk = chunk, .dsn = chunk->dsn, .end = end_of(chunk), .bytes = chunk->data};
    struct mps_list *pos;
    bool at_next;

    if (in.dsn < r->next)
        pass(&in, (r->next < in.end ? r->next : in.end) - in.dsn);
    at_next = in.dsn == r->next && in.dsn < in.end;
    pos = locate(r, in.dsn);
    while (in.dsn < in.end) {
        if (pos != &r->chunks && entry(pos)->dsn <= in.dsn) {
            overlap(r, &in, entry(pos));
            pos = pos->next;
        } else {
            fill_hole(r, &in, pos);
        }
    }
    r->stored += in.added;
    if (at_next)
        advance(r, locate(r, r->next));
    if (!in.linked)
        free_chunk(r, chunk);
    *ret_new = in.added;
}

/* ---- bytes that go around ---- */

uint32_t mps_reasm_hole(const struct mps_reasm *r, uint32_t n)
{
    const struct mps_reasm_chunk *c;

    if (mps_list_empty(&r->chunks))
        return n;
    c = mps_list_entry(r->chunks.next, struct mps_reasm_chunk, node);
    return c->dsn <= r->next ? 0 : c->dsn - r->next < n ? (uint32_t)(c->dsn - r->next) : n;
}

void mps_reasm_bypass(struct mps_reasm *r, struct mps_reasm_chunk *chunk, uint32_t n)
{
    chunk->dsn += n;
    chunk->len -= n;
    chunk->data += n;
    r->read = r->next = chunk->dsn;
    advance(r, r->chunks.next);
}

/* ---- reading ---- */

unsigned mps_reasm_spans(const struct mps_reasm *r, struct mps_span *spans, unsigned max)
{
    const struct mps_list *pos = r->chunks.next;
    uint64_t dsn = r->read;
    unsigned n = 0;

    for (; dsn < r->next && n < max; pos = pos->next) {
        const struct mps_reasm_chunk *c = mps_list_entry(pos, struct mps_reasm_chunk, node);
        uint64_t end = end_of(c) < r->next ? end_of(c) : r->next;

        spans[n].p = c->data + (dsn - c->dsn);
        spans[n].n = (size_t)(end - dsn);
        n++;
        dsn = end;
    }
    return n;
}

void mps_reasm_consume(struct mps_reasm *r, uint64_t n)
{
    if (n > r->next - r->read)
        n = r->next - r->read;
    r->read += n;
    r->stored -= n;
    if (!r->stored) {
        free_inserted(r);
        return;
    }
    while (end_of(entry(r->chunks.next)) <= r->read)
        free_chunk(r, entry(r->chunks.next));
}

uint64_t mps_reasm_next(const struct mps_reasm *r)
{
    return r->next;
}

uint64_t mps_reasm_in_order(const struct mps_reasm *r)
{
    return r->next - r->read;
}

uint64_t mps_reasm_out_of_order(const struct mps_reasm *r)
{
    return r->stored - (r->next - r->read);
}
