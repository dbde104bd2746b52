/* SPDX-License-Identifier: MIT */
#include "past.h"

#include <string.h>

static struct mps_past_path *place(struct mps_past *self, const struct mps_past_path *ended)
{
    struct mps_past_path *p;

    for (unsigned i = 0; i < self->n; i++) {
        p = &self->path[i];
        if (mps_addr_same_ip(&p->local, &ended->local) &&
            mps_addr_same_ip(&p->remote, &ended->remote))
            return p;
    }
    if (self->n < MPS_PAST_MAX) {
        p = &self->path[self->n++];
        memset(p, 0, sizeof(*p));
        p->local = ended->local;
        p->remote = ended->remote;
        return p;
    }
    p = &self->path[MPS_PAST_MAX - 1];
    memset(&p->local, 0, sizeof(p->local));
    memset(&p->remote, 0, sizeof(p->remote));
    return p;
}

void mps_past_add(struct mps_past *self, const struct mps_past_path *ended)
{
    struct mps_past_path *p = place(self, ended);

    p->bytes_sent += ended->bytes_sent;
    p->bytes_received += ended->bytes_received;
    p->bytes_reinjected += ended->bytes_reinjected;
    p->subflows += ended->subflows;
}
