/* SPDX-License-Identifier: MIT */
#include "pathmem.h"

#include <string.h>

void mps_pathmem_init(struct mps_pathmem *mem)
{
    memset(mem, 0, sizeof(*mem));
    pthread_mutex_init(&mem->lock, NULL);
}

void mps_pathmem_deinit(struct mps_pathmem *mem)
{
    pthread_mutex_destroy(&mem->lock);
}

/* Ports tell programs apart, not paths; but a stray connection is one to a port. */
static bool is_of(const struct mps_pathmem_entry *e, enum mps_pathmem_kind kind,
                  const struct mps_addr *local, const struct mps_addr *remote)
{
    return e->expires != 0 && e->kind == kind && mps_addr_same_ip(&e->local, local) &&
           (kind == MPS_PATHMEM_UNMARKED ? mps_addr_equal(&e->remote, remote)
                                         : mps_addr_same_ip(&e->remote, remote));
}

void mps_pathmem_set(struct mps_pathmem *mem, enum mps_pathmem_kind kind,
                     const struct mps_addr *local, const struct mps_addr *remote, mps_time_t now)
{
    mps_time_t life = kind == MPS_PATHMEM_UNMARKED ? MPS_PATHMEM_ASTRAY : MPS_PATHMEM_LIFETIME;
    struct mps_pathmem_entry *place = &mem->entry[0];

    pthread_mutex_lock(&mem->lock);
    for (unsigned i = 0; i < MPS_PATHMEM_MAX; i++) {
        struct mps_pathmem_entry *e = &mem->entry[i];

        if (is_of(e, kind, local, remote)) {
            place = e;
            break;
        }
        if (e->expires < place->expires)
            place = e;
    }
    *place = (struct mps_pathmem_entry){*local, *remote, kind, now + life};
    pthread_mutex_unlock(&mem->lock);
}

mps_time_t mps_pathmem_find(struct mps_pathmem *mem, enum mps_pathmem_kind kind,
                            const struct mps_addr *local, const struct mps_addr *remote,
                            mps_time_t now)
{
    mps_time_t until = 0;

    pthread_mutex_lock(&mem->lock);
    for (unsigned i = 0; i < MPS_PATHMEM_MAX; i++) {
        if (mem->entry[i].expires > now && is_of(&mem->entry[i], kind, local, remote))
            until = mem->entry[i].expires;
    }
    pthread_mutex_unlock(&mem->lock);
    return until;
}
