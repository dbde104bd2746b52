/* SPDX-License-Identifier: MIT */
#include "held.h"

/* FNV-1a, 64 bits. */
#define HASH_BASIS 0xcbf29ce484222325ULL
#define HASH_PRIME 0x100000001b3ULL

uint64_t mps_held_tunnels(const struct mps_netaddr_list *list)
{
    uint64_t hash = HASH_BASIS;
    bool any = false;

    for (unsigned i = 0; i < list->n; i++) {
        if (!list->entry[i].tun)
            continue;
        any = true;
        hash = (hash ^ list->entry[i].ifindex) * HASH_PRIME;
    }
    return any ? hash | 1 : 0;
}

bool mps_held_recall(const struct mps_held *self, pid_t pid, uint64_t tunnels, mps_time_t now,
                     struct mps_holds *ret)
{
    for (unsigned i = 0; i < MPS_HELD_PROGRAMS; i++) {
        const struct mps_held_answer *a = &self->answer[i];

        if (a->pid == pid && a->tunnels == tunnels && now < a->until) {
            *ret = a->holds;
            return true;
        }
    }
    return false;
}

void mps_held_keep(struct mps_held *self, pid_t pid, uint64_t tunnels, mps_time_t began,
                   mps_time_t now, const struct mps_holds *holds)
{
    struct mps_held_answer *a = NULL;

    for (unsigned i = 0; i < MPS_HELD_PROGRAMS && !a; i++) {
        if (self->answer[i].pid == pid)
            a = &self->answer[i];
    }
    if (!a) {
        a = &self->answer[self->next];
        self->next = (self->next + 1) % MPS_HELD_PROGRAMS;
    }
    *a = (struct mps_held_answer){.pid = pid,
                                  .tunnels = tunnels,
                                  .until = now + MPS_HELD_TIMES * (now - began),
                                  .holds = *holds};
}
