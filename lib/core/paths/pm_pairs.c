/* SPDX-License-Identifier: MIT */
/*
 * pairs, the default: every way out of this host and every way into the peer in use, with about as
 * few subflows as that takes: the larger number of the two, so that two hosts with two interfaces
 * each get two subflows and not four that share two paths. The IPv4 and the IPv6 address of an
 * interface, and those of a peer, name one path: the second is there for when the first fails.
 *
 * 1. A local address of an unused way comes first: normal before backup, then one whose interface
 *    no subflow uses, then the order of the list; without any subflow, the one whose attempts have
 *    failed least often. It tries
 *    a. an unused remote address that looks like a neighbour of it, if the first one does not
 *       (separate networks: the first address cannot be reached from there, and finding that out
 *       takes a connect timeout),
 *    b. the peer's first address: the peer is known to answer there,
 *    c. the others: unused ones before used ones, then the longest common prefix,
 *    but what was tried in vain only behind what was tried less often. (An attempt may last longer
 *    than the back-off of another pair: two bad pairs would take turns before a good one.)
 * 2. When all ways are in use, or have nothing left to try, and that number is not reached: a
 *    remote address whose interface, as far as the peer names it, has no subflow, what was tried in
 *    vain last, from the local address with the fewest subflows, then of the longest common prefix.
 *
 * Pairs that cross separate networks (each of the two has a neighbour on the other side, but they
 * are not neighbours themselves) are tried only while there is no subflow at all: one that is
 * opening in vain would keep its local address from going back to its own network.
 */
#include "pm.h"

/* As many equal leading bits make two addresses look like one network. */
#define NEIGHBOUR_BITS_INET  24
#define NEIGHBOUR_BITS_INET6 64

#define FAILS_MAX 1000000u

static unsigned prefix(const struct mps_pm_input *in, unsigned l, unsigned r)
{
    return mps_addr_common_prefix(&in->locals[l].addr, &in->remotes[r].addr);
}

static bool neighbours(const struct mps_pm_input *in, unsigned l, unsigned r)
{
    bool inet = in->locals[l].addr.family == MPS_AF_INET;

    return in->locals[l].addr.family == in->remotes[r].addr.family &&
           prefix(in, l, r) >= (inet ? NEIGHBOUR_BITS_INET : NEIGHBOUR_BITS_INET6);
}

static bool crosses(const struct mps_pm_input *in, unsigned l, unsigned r)
{
    bool local_has = false, remote_has = false;

    if (neighbours(in, l, r))
        return false;
    for (unsigned i = 0; i < in->n_remotes; i++)
        local_has |= neighbours(in, l, i);
    for (unsigned i = 0; i < in->n_locals; i++)
        remote_has |= neighbours(in, i, r);
    return local_has && remote_has;
}

static bool possible(const struct mps_pm_input *in, unsigned l, unsigned r)
{
    return in->locals[l].addr.family == in->remotes[r].addr.family && in->may_try(in->user, l, r) &&
           (in->n_subflows == 0 || !crosses(in, l, r));
}

/*
 * Two names of one way out: on one interface the addresses of two families, or of one IPv6 network
 * (temporary addresses). Unknown interfaces (0) are all different ones.
 */
static bool same_way(const struct mps_pm_input *in, unsigned a, unsigned b)
{
    const struct mps_pm_local *x = &in->locals[a], *y = &in->locals[b];

    if (a == b)
        return true;
    if (x->ifindex == 0 || x->ifindex != y->ifindex)
        return false;
    return x->addr.family != y->addr.family ||
           (x->addr.family == MPS_AF_INET6 &&
            mps_addr_common_prefix(&x->addr, &y->addr) >= NEIGHBOUR_BITS_INET6);
}

static bool way_used(const struct mps_pm_input *in, unsigned l)
{
    for (unsigned i = 0; i < in->n_locals; i++) {
        if (in->locals[i].subflows > 0 && same_way(in, i, l))
            return true;
    }
    return false;
}

static bool interface_used(const struct mps_pm_input *in, unsigned l)
{
    for (unsigned i = 0; i < in->n_locals; i++) {
        if (in->locals[i].subflows > 0 && in->locals[i].ifindex != 0 &&
            in->locals[i].ifindex == in->locals[l].ifindex)
            return true;
    }
    return false;
}

static unsigned n_ways(const struct mps_pm_input *in)
{
    unsigned n = 0;

    for (unsigned l = 0; l < in->n_locals; l++) {
        unsigned i = 0;

        while (!same_way(in, i, l))
            i++;
        n += i == l;
    }
    return n;
}

/* Another port of an address is no other path. */
static bool remote_used(const struct mps_pm_input *in, unsigned r)
{
    for (unsigned i = 0; i < in->n_remotes; i++) {
        if (in->remotes[i].subflows > 0 &&
            mps_addr_same_ip(&in->remotes[i].addr, &in->remotes[r].addr))
            return true;
    }
    return false;
}

/* Two addresses of one family at one interface of the peer are one way in, too. */
static bool one_way_in(const struct mps_pm_input *in, unsigned a, unsigned b)
{
    const struct mps_pm_remote *x = &in->remotes[a], *y = &in->remotes[b];

    return mps_addr_same_ip(&x->addr, &y->addr) ||
           (x->way != 0 && x->way == y->way && x->addr.family == y->addr.family);
}

static bool way_in_used(const struct mps_pm_input *in, unsigned r)
{
    for (unsigned i = 0; i < in->n_remotes; i++) {
        if (in->remotes[i].subflows > 0 && one_way_in(in, i, r))
            return true;
    }
    return false;
}

/* Ways into the peer, by the family that has more of them. */
static unsigned n_ways_in(const struct mps_pm_input *in)
{
    unsigned inet = 0, inet6 = 0;

    for (unsigned r = 0; r < in->n_remotes; r++) {
        unsigned i = 0;

        while (!one_way_in(in, i, r))
            i++;
        if (i != r)
            continue;
        inet += in->remotes[r].addr.family == MPS_AF_INET;
        inet6 += in->remotes[r].addr.family == MPS_AF_INET6;
    }
    return inet > inet6 ? inet : inet6;
}

/* How good remote address r is for the unused local address l; larger is better. */
static unsigned remote_score(const struct mps_pm_input *in, unsigned l, unsigned r)
{
    bool unused = !remote_used(in, r);

    if (unused && neighbours(in, l, r) && !neighbours(in, l, 0))
        return 2000 + prefix(in, l, r);
    if (r == 0)
        return 1000;
    return (unused ? 500 : 0) + prefix(in, l, r);
}

static bool best_remote(const struct mps_pm_input *in, unsigned l, unsigned *ret_r)
{
    bool found = false;
    unsigned best = 0, least = 0;

    for (unsigned r = 0; r < in->n_remotes; r++) {
        unsigned score = remote_score(in, l, r), vain = in->in_vain(in->user, l, r);

        if (!possible(in, l, r) || (found && (vain > least || (vain == least && score <= best))))
            continue;
        found = true;
        least = vain;
        best = score;
        *ret_r = r;
    }
    return found;
}

static int next_by_local(const struct mps_pm_input *in, unsigned *ret_l, unsigned *ret_r)
{
    int found = 0;
    unsigned best = 0;

    for (unsigned l = 0; l < in->n_locals; l++) {
        unsigned cost = (in->locals[l].backup ? 2 : 0) + (interface_used(in, l) ? 1 : 0);
        unsigned r = 0;

        /* Without any subflow all get their turn, backup ones too, even if only one may try. */
        if (in->n_subflows == 0)
            cost += 4 * (in->locals[l].fails < FAILS_MAX ? in->locals[l].fails : FAILS_MAX);
        if (way_used(in, l) || (found && cost >= best) || !best_remote(in, l, &r))
            continue;
        found = 1;
        best = cost;
        *ret_l = l;
        *ret_r = r;
    }
    return found;
}

/* By rule 2: less than 0 if pair (l, r) comes before the pair (l2, r2). */
static int compare(const struct mps_pm_input *in, unsigned l, unsigned r, unsigned l2, unsigned r2)
{
    unsigned vain = in->in_vain(in->user, l, r), vain2 = in->in_vain(in->user, l2, r2);

    if (vain != vain2)
        return vain < vain2 ? -1 : 1;
    if (in->locals[l].subflows != in->locals[l2].subflows)
        return in->locals[l].subflows < in->locals[l2].subflows ? -1 : 1;
    return (int)prefix(in, l2, r2) - (int)prefix(in, l, r);
}

static int next_by_remote(const struct mps_pm_input *in, unsigned *ret_l, unsigned *ret_r)
{
    int found = 0;

    for (unsigned r = 0; r < in->n_remotes; r++) {
        if (way_in_used(in, r))
            continue;
        for (unsigned l = 0; l < in->n_locals; l++) {
            if (!possible(in, l, r) || (found && compare(in, l, r, *ret_l, *ret_r) >= 0))
                continue;
            found = 1;
            *ret_l = l;
            *ret_r = r;
        }
    }
    return found;
}

static int next(const struct mps_pm_input *in, unsigned *ret_l, unsigned *ret_r)
{
    unsigned ways = n_ways(in), remotes = n_ways_in(in);
    unsigned wanted = ways > remotes ? ways : remotes;

    if (in->n_subflows >= in->max_subflows)
        return 0;
    if (next_by_local(in, ret_l, ret_r))
        return 1;
    return in->n_subflows < wanted ? next_by_remote(in, ret_l, ret_r) : 0;
}

const struct mps_pm_ops mps_pm_pairs = {
    .name = "pairs",
    .next = next,
};
