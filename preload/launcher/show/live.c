/* SPDX-License-Identifier: MIT */
#include "live.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mps_live_init(struct mps_live *self)
{
    *self = (struct mps_live){.order = MPS_BY_RATE};
}

static void free_conns(struct mps_live_conn *conns, size_t n)
{
    for (size_t i = 0; conns && i < n; i++)
        free(conns[i].paths);
    free(conns);
}

void mps_live_deinit(struct mps_live *self)
{
    free_conns(self->conns, self->n_conns);
    free(self->listed);
    mps_seen_free(self->seen);
}

/* ---- looks ---- */

static void remember(struct mps_live_past *past, const uint64_t rate[MPS_WAYS])
{
    for (int way = 0; way < MPS_WAYS; way++)
        past->rate[way][past->n % MPS_LIVE_LOOKS] = rate[way];
    past->n++;
}

uint64_t mps_live_rate(const struct mps_live_past *past, int way, uint64_t back)
{
    if (back >= past->n || back >= MPS_LIVE_LOOKS)
        return 0;
    return past->rate[way][(past->n - 1 - back) % MPS_LIVE_LOOKS];
}

static int compare_ids(const void *a, const void *b)
{
    const struct mps_live_conn *x = a, *y = b;
    int order = strcmp(x->agent, y->agent);

    return order != 0 ? order : strcmp(x->id, y->id);
}

static void take_path(struct mps_live_path *p, const struct mps_seen_path *seen,
                      const struct mps_live_conn *before)
{
    *p = (struct mps_live_path){.id = seen->id};
    for (size_t i = 0; before && i < before->n_paths; i++) {
        if (before->paths[i].id != seen->id)
            continue;
        *p = before->paths[i];
        p->new_segments = seen->segments > p->segments ? seen->segments - p->segments : 0;
        p->new_repeated = seen->repeated > p->repeated ? seen->repeated - p->repeated : 0;
        break;
    }
    p->segments = seen->segments;
    p->repeated = seen->repeated;
    remember(&p->past, seen->rate);
}

static bool take_conn(struct mps_live_conn *c, const struct mps_seen_conn *seen,
                      const struct mps_live *earlier)
{
    const struct mps_live_conn *before;

    *c = (struct mps_live_conn){.seen = seen};
    memcpy(c->agent, seen->agent, sizeof(c->agent));
    memcpy(c->id, seen->id, sizeof(c->id));
    before = earlier->n_conns == 0 ? NULL
                                   : bsearch(c, earlier->conns, earlier->n_conns,
                                             sizeof(earlier->conns[0]), compare_ids);
    if (before)
        c->past = before->past;
    remember(&c->past, seen->rate);
    c->paths = calloc(seen->n_paths + 1, sizeof(c->paths[0]));
    for (size_t i = 0; c->paths && i < seen->n_paths && !seen->paths[i].ended; i++)
        take_path(&c->paths[c->n_paths++], &seen->paths[i], before);
    return c->paths != NULL;
}

bool mps_live_look(struct mps_live *self, struct mps_seen *seen)
{
    struct mps_live_conn *conns = calloc(seen->n_conns + 1, sizeof(conns[0]));
    struct mps_live_conn **listed = calloc(seen->n_conns + 1, sizeof(listed[0]));
    bool whole = conns && listed;

    for (size_t i = 0; whole && i < seen->n_conns; i++)
        whole = take_conn(&conns[i], &seen->conns[i], self);
    if (!whole) {
        free_conns(conns, seen->n_conns);
        free(listed);
        mps_seen_free(seen);
        return false;
    }
    qsort(conns, seen->n_conns, sizeof(conns[0]), compare_ids);
    free_conns(self->conns, self->n_conns);
    free(self->listed);
    mps_seen_free(self->seen);
    self->seen = seen;
    self->conns = conns;
    self->n_conns = seen->n_conns;
    self->listed = listed;
    mps_live_list(self);
    return true;
}

/* ---- the list ---- */

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? 1 : a > b ? -1 : 0; /* the largest first */
}

static int compare(const void *a, const void *b, void *live)
{
    const struct mps_live_conn *x = *(struct mps_live_conn *const *)a;
    const struct mps_live_conn *y = *(struct mps_live_conn *const *)b;
    const struct mps_seen_conn *s = x->seen, *t = y->seen;
    const struct mps_live *self = live;
    int order = 0;

    switch (self->order) {
    case MPS_BY_RATE:
        order =
            compare_numbers(s->rate[MPS_OUT] + s->rate[MPS_IN], t->rate[MPS_OUT] + t->rate[MPS_IN]);
        break;
    case MPS_BY_BYTES:
        order = compare_numbers(s->bytes[MPS_OUT] + s->bytes[MPS_IN],
                                t->bytes[MPS_OUT] + t->bytes[MPS_IN]);
        break;
    case MPS_BY_PROGRAM:
        order = strcmp(s->program, t->program);
        break;
    case MPS_BY_AGE:
        order = compare_numbers(s->age_us, t->age_us);
        break;
    case MPS_BY_ORDERS:
        break;
    }
    if (self->backwards)
        order = -order;
    return order != 0 ? order : compare_ids(x, y);
}

void mps_live_list(struct mps_live *self)
{
    self->n_listed = 0;
    for (size_t i = 0; i < self->n_conns; i++)
        if (strcasestr(self->conns[i].seen->program, self->filter))
            self->listed[self->n_listed++] = &self->conns[i];
    if (self->n_listed > 0)
        qsort_r(self->listed, self->n_listed, sizeof(self->listed[0]), compare, self);
}

static bool is_chosen(const struct mps_live *self, size_t position)
{
    return strcmp(self->listed[position]->agent, self->chosen_agent) == 0 &&
           strcmp(self->listed[position]->id, self->chosen) == 0;
}

size_t mps_live_chosen(const struct mps_live *self)
{
    for (size_t i = 0; i < self->n_listed; i++)
        if (is_chosen(self, i))
            return i;
    return 0;
}

bool mps_live_has_chosen(const struct mps_live *self)
{
    return self->n_listed > 0 && is_chosen(self, mps_live_chosen(self));
}

void mps_live_choose(struct mps_live *self, size_t position)
{
    if (self->n_listed == 0)
        return;
    if (position >= self->n_listed)
        position = self->n_listed - 1;
    memcpy(self->chosen_agent, self->listed[position]->agent, sizeof(self->chosen_agent));
    memcpy(self->chosen, self->listed[position]->id, sizeof(self->chosen));
}
