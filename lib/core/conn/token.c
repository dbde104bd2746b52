/* SPDX-License-Identifier: MIT */
#include "token.h"
#include "core/base/err.h"

#define MIN_SLOTS 16

void mps_token_init(struct mps_token_table *table, const struct mps_mem *mem)
{
    *table = (struct mps_token_table){.mem = mem};
}

void mps_token_deinit(struct mps_token_table *table)
{
    mps_free(table->mem, table->slots);
    mps_token_init(table, table->mem);
}

/* The slot that holds the token, or the free one where it belongs. The table has a free slot. */
static struct mps_token_slot *probe(struct mps_token_slot *slots, size_t n_slots, uint32_t token)
{
    size_t i = token & (n_slots - 1);

    while (slots[i].value && slots[i].token != token)
        i = (i + 1) & (n_slots - 1);
    return &slots[i];
}

static int grow(struct mps_token_table *table)
{
    size_t n = table->n_slots ? table->n_slots * 2 : MIN_SLOTS;
    struct mps_token_slot *slots;

    if (n > SIZE_MAX / sizeof(*slots))
        return MPS_ENOMEM;
    slots = mps_alloc(table->mem, n * sizeof(*slots));
    if (!slots)
        return MPS_ENOMEM;
    for (size_t i = 0; i < table->n_slots; i++) {
        const struct mps_token_slot *old = &table->slots[i];

        if (old->value)
            *probe(slots, n, old->token) = *old;
    }
    mps_free(table->mem, table->slots);
    table->slots = slots;
    table->n_slots = n;
    return 0;
}

int mps_token_insert(struct mps_token_table *table, uint32_t token, void *value)
{
    if (!value)
        return MPS_EINVAL;
    if (mps_token_find(table, token))
        return MPS_TOKEN_TAKEN;
    if (table->n_used + 1 > table->n_slots / 4 * 3) {
        int err = grow(table);

        if (err)
            return err;
    }
    *probe(table->slots, table->n_slots, token) =
        (struct mps_token_slot){.token = token, .value = value};
    table->n_used++;
    return 0;
}

void *mps_token_find(const struct mps_token_table *table, uint32_t token)
{
    return table->n_slots ? probe(table->slots, table->n_slots, token)->value : NULL;
}

/*
 * Close the hole at `hole`: an entry further on in the same run moves into it unless its own place
 * lies behind the hole, and leaves a hole in turn (no tombstones).
 */
static void close_hole(struct mps_token_table *table, size_t hole)
{
    size_t mask = table->n_slots - 1;

    for (size_t i = (hole + 1) & mask; table->slots[i].value; i = (i + 1) & mask) {
        size_t home = table->slots[i].token & mask;

        if (((i - home) & mask) < ((i - hole) & mask))
            continue;
        table->slots[hole] = table->slots[i];
        hole = i;
    }
    table->slots[hole].value = NULL;
}

void *mps_token_remove(struct mps_token_table *table, uint32_t token)
{
    struct mps_token_slot *slot;
    void *value;

    if (!table->n_slots)
        return NULL;
    slot = probe(table->slots, table->n_slots, token);
    value = slot->value;
    if (value) {
        close_hole(table, (size_t)(slot - table->slots));
        table->n_used--;
    }
    return value;
}
