/* SPDX-License-Identifier: MIT */
#include "visitors.h"

#include <stddef.h>

static struct mps_visitor *find(const struct mps_visitors *self, uid_t uid)
{
    for (unsigned i = 0; i < self->n; i++) {
        if (self->visitor[i].uid == uid)
            return (struct mps_visitor *)&self->visitor[i];
    }
    return NULL;
}

static struct mps_visitor *find_or_add(struct mps_visitors *self, uid_t uid)
{
    struct mps_visitor *v = find(self, uid);

    if (v)
        return v;
    v = &self->visitor[self->next];
    self->next = (self->next + 1) % MPS_VISITORS_MAX;
    if (self->n < MPS_VISITORS_MAX)
        self->n++;
    *v = (struct mps_visitor){.uid = uid};
    return v;
}

bool mps_visitors_is_refused(const struct mps_visitors *self, uid_t uid, double now)
{
    const struct mps_visitor *v = find(self, uid);

    return v && !v->proven && now < v->until;
}

void mps_visitors_prove(struct mps_visitors *self, uid_t uid)
{
    find_or_add(self, uid)->proven = true;
}

void mps_visitors_refuse(struct mps_visitors *self, uid_t uid, double now)
{
    find_or_add(self, uid)->until = now + MPS_VISITORS_TIME;
}
