/* SPDX-License-Identifier: MIT */
#include "peers.h"

#include <string.h>

void mps_peers_init(struct mps_peers *peers)
{
    memset(peers, 0, sizeof(*peers));
    pthread_mutex_init(&peers->lock, NULL);
}

void mps_peers_deinit(struct mps_peers *peers)
{
    pthread_mutex_destroy(&peers->lock);
}

/* NULL: nothing is known. */
static const struct mps_peer *entry_of(const struct mps_peers *peers, const struct mps_addr *addr,
                                       mps_time_t now)
{
    for (unsigned i = 0; i < MPS_PEERS_MAX; i++) {
        if (peers->entry[i].kind != MPS_PEER_UNKNOWN && peers->entry[i].expires > now &&
            mps_addr_equal(&peers->entry[i].addr, addr))
            return &peers->entry[i];
    }
    return NULL;
}

static enum mps_peer_kind find(const struct mps_peers *peers, const struct mps_addr *addr,
                               mps_time_t now)
{
    const struct mps_peer *e = entry_of(peers, addr, now);

    return e ? e->kind : MPS_PEER_UNKNOWN;
}

enum mps_peer_kind mps_peers_find(struct mps_peers *peers, const struct mps_addr *addr,
                                  mps_time_t now)
{
    enum mps_peer_kind kind;

    pthread_mutex_lock(&peers->lock);
    kind = find(peers, addr, now);
    pthread_mutex_unlock(&peers->lock);
    return kind;
}

/* The place of the address, or of the oldest entry. */
static unsigned place_for(const struct mps_peers *peers, const struct mps_addr *addr)
{
    unsigned victim = 0;

    for (unsigned i = 0; i < MPS_PEERS_MAX; i++) {
        if (peers->entry[i].kind != MPS_PEER_UNKNOWN && mps_addr_equal(&peers->entry[i].addr, addr))
            return i;
        if (peers->entry[i].expires < peers->entry[victim].expires)
            victim = i;
    }
    return victim;
}

static void put(struct mps_peers *peers, const struct mps_addr *addr, enum mps_peer_kind kind,
                mps_time_t expires)
{
    peers->entry[place_for(peers, addr)] = (struct mps_peer){*addr, kind, expires};
}

void mps_peers_set(struct mps_peers *peers, const struct mps_addr *addr, enum mps_peer_kind kind,
                   mps_time_t now)
{
    enum mps_peer_kind before;
    bool aged;

    pthread_mutex_lock(&peers->lock);
    before = find(peers, addr, now);
    aged = find(peers, addr, now + MPS_PEERS_LIFETIME / 2) == MPS_PEER_UNKNOWN;
    put(peers, addr, kind, now + MPS_PEERS_LIFETIME);
    pthread_mutex_unlock(&peers->lock);
    if (peers->changed && (before != kind || aged))
        peers->changed(peers->user, before == MPS_PEER_PROVEN && before != kind);
}

void mps_peers_learn(struct mps_peers *peers, const struct mps_addr *addr, enum mps_peer_kind kind,
                     mps_time_t expires, mps_time_t now)
{
    const struct mps_peer *known;

    pthread_mutex_lock(&peers->lock);
    known = entry_of(peers, addr, now);
    if (!known || known->expires + MPS_PEERS_SAME < expires)
        put(peers, addr, kind, expires);
    pthread_mutex_unlock(&peers->lock);
}

void mps_peers_refresh(struct mps_peers *peers)
{
    if (peers->refresh)
        peers->refresh(peers->user);
}

unsigned mps_peers_list(struct mps_peers *peers, struct mps_peer *ret, mps_time_t now)
{
    unsigned n = 0;

    pthread_mutex_lock(&peers->lock);
    for (unsigned i = 0; i < MPS_PEERS_MAX; i++) {
        if (peers->entry[i].kind != MPS_PEER_UNKNOWN && peers->entry[i].expires > now)
            ret[n++] = peers->entry[i];
    }
    pthread_mutex_unlock(&peers->lock);
    return n;
}
