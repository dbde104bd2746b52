/* SPDX-License-Identifier: MIT */
#include "peers.h"

enum mps_peer_kind mps_peers_find(const struct mps_peers *peers, const struct mps_addr *addr,
                                  mps_time_t now)
{
    for (unsigned i = 0; i < MPS_PEERS_MAX; i++) {
        if (peers->entry[i].kind != MPS_PEER_UNKNOWN && peers->entry[i].expires > now &&
            mps_addr_equal(&peers->entry[i].addr, addr))
            return peers->entry[i].kind;
    }
    return MPS_PEER_UNKNOWN;
}

void mps_peers_set(struct mps_peers *peers, const struct mps_addr *addr, enum mps_peer_kind kind,
                   mps_time_t now)
{
    unsigned victim = 0;

    for (unsigned i = 0; i < MPS_PEERS_MAX; i++) {
        if (peers->entry[i].kind != MPS_PEER_UNKNOWN &&
            mps_addr_equal(&peers->entry[i].addr, addr)) {
            victim = i;
            break;
        }
        if (peers->entry[i].expires < peers->entry[victim].expires)
            victim = i;
    }
    peers->entry[victim].addr = *addr;
    peers->entry[victim].kind = kind;
    peers->entry[victim].expires = now + MPS_PEERS_LIFETIME;
}
