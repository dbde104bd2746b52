/* SPDX-License-Identifier: MIT */
/* What always holds in reassembly (reasm.h). */
#include "reasm.h"

#define WORD_BITS 64u

/* What a walk over the chunks finds. */
struct walk {
    uint64_t stored, allocated;
    uint64_t end;  /* of the chunk before */
    uint64_t next; /* all bytes below it are there */
    unsigned hinted;
};

static uint64_t end_of(const struct mps_reasm_chunk *c)
{
    return c->dsn + c->len;
}

/*
 * The bytes of a chunk that are there, from dsn on, which is in it: in all, and those right at dsn.
 * A word of a bitmap at a time; the last one has no bits behind the end.
 */
static uint64_t present(const struct mps_reasm_chunk *c, uint64_t dsn, uint64_t *ret_in_row)
{
    uint64_t n = 0, row = 0;
    bool hole = false;

    if (!c->bitmap)
        n = row = end_of(c) - dsn;
    for (uint32_t at = (uint32_t)(dsn - c->dsn); c->bitmap && at < c->len;) {
        uint32_t shift = at % WORD_BITS, bits = WORD_BITS - shift;
        uint64_t word = c->bitmap[at / WORD_BITS] >> shift, missing = ~word;

        if (bits < WORD_BITS)
            missing &= (UINT64_C(1) << bits) - 1;
        n += (unsigned)__builtin_popcountll(word);
        if (!hole)
            row += missing ? (unsigned)__builtin_ctzll(missing) : bits;
        hole |= missing != 0;
        at += bits;
    }
    *ret_in_row = row;
    return n;
}

static const char *check_chunk(const struct mps_reasm *r, const struct mps_reasm_chunk *c,
                               struct walk *walk)
{
    bool reserved = r->reserve && c == &r->reserve->chunk;
    uint64_t from = c->dsn > r->read ? c->dsn : r->read, row;

    if (c->len == 0 || end_of(c) <= r->read)
        return "reasm: a chunk holds nothing that is awaited";
    if (c->dsn < walk->end)
        return "reasm: chunks overlap, or are not in order";
    if (reserved && !r->reserve->taken)
        return "reasm: the reserve counts as free";
    walk->stored += present(c, from, &row);
    if (from == walk->next)
        walk->next += row;
    walk->allocated += reserved ? 0 : c->size;
    walk->end = end_of(c);
    for (unsigned i = 0; i < MPS_REASM_HINTS; i++)
        walk->hinted += r->hints[i] == c;
    return NULL;
}

const char *mps_reasm_check(const struct mps_reasm *r, uint64_t pending)
{
    struct walk walk = {.allocated = pending, .next = r->read};
    const struct mps_reasm_chunk *c;

    mps_list_for_each(c, &r->chunks, const struct mps_reasm_chunk, node) {
        const char *broken = check_chunk(r, c, &walk);

        if (broken)
            return broken;
    }
    if (walk.stored != r->stored)
        return "reasm: the bytes stored are not those of the chunks";
    if (walk.allocated != r->allocated)
        return "reasm: the memory allocated is not that of the chunks";
    if (walk.next != r->next)
        return "reasm: the first byte missing is another one";
    for (unsigned i = 0; i < MPS_REASM_HINTS; i++)
        walk.hinted -= r->hints[i] != NULL;
    return walk.hinted == 0 ? NULL : "reasm: a hint names a chunk that is gone";
}
