/* SPDX-License-Identifier: MIT */
#include "crowd.h"

#define NETWORK_BITS_INET  24
#define NETWORK_BITS_INET6 48

static bool same_network(const struct mps_addr *a, const struct mps_addr *b)
{
    bool inet = a->family == MPS_AF_INET;

    return a->family == b->family &&
           mps_addr_common_prefix(a, b) >= (inet ? NETWORK_BITS_INET : NETWORK_BITS_INET6);
}

typedef bool same_fn(const struct mps_addr *a, const struct mps_addr *b);

static unsigned count(const struct mps_crowd_guest *guests, unsigned n, const struct mps_addr *from,
                      same_fn *same)
{
    unsigned k = 0;

    for (unsigned i = 0; i < n; i++)
        k += same(&guests[i].from, from);
    return k;
}

/*
 * The oldest guest of the largest crowd, among those that are `within` the crowd of `of`; `within`
 * NULL: among all. *ret_size: of that crowd.
 */
static unsigned largest(const struct mps_crowd_guest *guests, unsigned n, const struct mps_addr *of,
                        same_fn *within, same_fn *same, unsigned *ret_size)
{
    unsigned best = n;

    *ret_size = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned size;

        if (within && !within(&guests[i].from, of))
            continue;
        size = count(guests, n, &guests[i].from, same);
        if (size > *ret_size || (size == *ret_size && guests[i].since < guests[best].since)) {
            *ret_size = size;
            best = i;
        }
    }
    return best;
}

unsigned mps_crowd_yields(const struct mps_crowd_guest *guests, unsigned n,
                          const struct mps_addr *from, mps_time_t fresh)
{
    unsigned size, victim = largest(guests, n, from, NULL, same_network, &size);

    if (n == 0)
        return n;
    /* A larger network than the newcomer's: its largest host pays. */
    if (size > count(guests, n, from, same_network))
        return largest(guests, n, &guests[victim].from, same_network, mps_addr_same_host, &size);
    victim = largest(guests, n, from, same_network, mps_addr_same_host, &size);
    if (size > count(guests, n, from, mps_addr_same_host))
        return victim;
    victim = largest(guests, n, from, mps_addr_same_host, mps_addr_same_host, &size);
    return victim < n && guests[victim].since <= fresh ? victim : n;
}
