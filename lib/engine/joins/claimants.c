/* SPDX-License-Identifier: MIT */
#include "claimants.h"

#include <string.h>

/* Whoever finds no token looks again soon: the next proof may have given one back. */
#define AGAIN (100 * MPS_MSEC)

static const struct mps_bucket_rate rate = {MPS_CLAIMANTS_BURST, MPS_CLAIMANTS_INTERVAL};
static const struct mps_bucket_rate rate_all = {
    MPS_CLAIMANTS_BURST_ALL,
    MPS_CLAIMANTS_INTERVAL_ALL,
};

void mps_claimants_init(struct mps_claimants *book)
{
    memset(book, 0, sizeof(*book));
    pthread_mutex_init(&book->lock, NULL);
}

void mps_claimants_deinit(struct mps_claimants *book)
{
    pthread_mutex_destroy(&book->lock);
}

/* The entry of a peer; a new one takes the place of that which was used longest ago. */
static struct mps_claimants_peer *entry_of(struct mps_claimants *book, const struct mps_addr *peer)
{
    struct mps_claimants_peer *oldest = &book->peer[0];

    for (unsigned i = 0; i < MPS_CLAIMANTS_MAX; i++) {
        struct mps_claimants_peer *e = &book->peer[i];

        if (e->used_at != 0 && mps_addr_same_host(&e->addr, peer))
            return e;
        if (e->used_at < oldest->used_at)
            oldest = e;
    }
    *oldest = (struct mps_claimants_peer){.addr = *peer};
    return oldest;
}

static struct mps_claimants_proof *
find_proof(struct mps_claimants *book, const struct mps_addr *peer, const struct mps_addr *addr)
{
    for (unsigned i = 0; i < MPS_CLAIMANTS_PROVED; i++) {
        struct mps_claimants_proof *e = &book->proof[i];

        if (e->expires != 0 && mps_addr_equal(&e->addr, addr) && mps_addr_same_ip(&e->peer, peer))
            return e;
    }
    return NULL;
}

static mps_time_t take(struct mps_claimants *book, const struct mps_addr *peer, mps_time_t now)
{
    struct mps_claimants_peer *e = entry_of(book, peer);

    e->used_at = now;
    if (mps_bucket_next(&e->bucket, rate) > now || mps_bucket_next(&book->all, rate_all) > now)
        return now + AGAIN;
    mps_bucket_take(&e->bucket, rate, now);
    mps_bucket_take(&book->all, rate_all, now);
    return 0;
}

mps_time_t mps_claimants_ask(struct mps_claimants *book, const struct mps_addr *peer,
                             const struct mps_addr *addr, bool *ret_claim, mps_time_t now)
{
    struct mps_claimants_proof *proof;
    mps_time_t until = 0;

    *ret_claim = false;
    if (mps_addr_equal(peer, addr))
        return 0;
    pthread_mutex_lock(&book->lock);
    proof = find_proof(book, peer, addr);
    if (!proof || proof->expires <= now) {
        until = take(book, peer, now);
        *ret_claim = until == 0;
    }
    pthread_mutex_unlock(&book->lock);
    return until;
}

static void remember(struct mps_claimants *book, const struct mps_addr *peer,
                     const struct mps_addr *addr, mps_time_t now)
{
    struct mps_claimants_proof *place = find_proof(book, peer, addr);

    for (unsigned i = 0; i < MPS_CLAIMANTS_PROVED && !place; i++) {
        if (book->proof[i].expires <= now)
            place = &book->proof[i];
    }
    /* Without a place for it, it goes on to take tokens and to give them back. */
    if (place)
        *place = (struct mps_claimants_proof){*peer, *addr, now + MPS_CLAIMANTS_LIFETIME};
}

void mps_claimants_proved(struct mps_claimants *book, const struct mps_addr *peer,
                          const struct mps_addr *addr, bool claim, mps_time_t now)
{
    if (mps_addr_equal(peer, addr))
        return;
    pthread_mutex_lock(&book->lock);
    if (claim) {
        mps_bucket_return(&entry_of(book, peer)->bucket, rate);
        mps_bucket_return(&book->all, rate_all);
    }
    remember(book, peer, addr, now);
    pthread_mutex_unlock(&book->lock);
}
