/* SPDX-License-Identifier: MIT */
#include "locals.h"

#include <string.h>
#include "core/sched/sched.h"
#include "engine/agent/clock.h"
#include "engine/agent/engine.h"
#include "engine/connection/appconn.h"
#include "engine/show/log.h"
#include "held.h"
#include "scout.h"

static bool listed(const struct mps_netaddr_list *list, const struct mps_addr *addr)
{
    for (unsigned i = 0; i < list->n; i++) {
        if (mps_addr_same_ip(&list->entry[i].addr, addr))
            return true;
    }
    return false;
}

static struct mps_path_change change_of(const struct mps_engine *eng,
                                        const struct mps_locals_want *want,
                                        const struct mps_addr *addr)
{
    return mps_pathctl_merged(&eng->view->paths, want->paths, addr);
}

/* Addresses that the program or the user names count, whatever the files exclude. */
static bool admitted(const struct mps_engine *eng, const struct mps_locals_want *want,
                     const struct mps_netaddr_entry *e)
{
    const struct mps_path_change change = change_of(eng, want, &e->addr);

    if (change.use != MPS_PATH_AS_BEFORE)
        return change.use == MPS_PATH_ADDED;
    return want->options->n_locals > 0 || mps_policy_admits(eng->policy, e->ifname, &e->addr);
}

/* Addresses that were added one by one and are there; any loopback address is. */
static void add_added(const struct mps_netaddr_list *all, const struct mps_pathctl *paths,
                      const struct mps_addr *peer, struct mps_netaddr_list *ret)
{
    for (unsigned i = 0; i < paths->n; i++) {
        const struct mps_path_change *change = &paths->item[i];
        bool loopback = mps_addr_is_loopback(&change->addr);
        unsigned k = 0;

        if (change->use != MPS_PATH_ADDED || !change->exact ||
            loopback != mps_addr_is_loopback(peer) || listed(ret, &change->addr) ||
            ret->n == MPS_NETADDR_MAX)
            continue;
        while (k < all->n && !mps_addr_same_ip(&all->entry[k].addr, &change->addr))
            k++;
        if (k < all->n)
            ret->entry[ret->n++] = all->entry[k];
        else if (loopback)
            ret->entry[ret->n++] = (struct mps_netaddr_entry){
                .addr = change->addr,
                .ifname = "lo",
                .loopback = true,
            };
    }
}

/* Keeps the addresses that the program's own choice, and deletions, leave. */
static void narrow(const struct mps_engine *eng, const struct mps_locals_want *want,
                   struct mps_netaddr_list *list)
{
    unsigned n = 0;

    for (unsigned i = 0; i < list->n; i++) {
        const struct mps_netaddr_entry *e = &list->entry[i];

        if (change_of(eng, want, &e->addr).use == MPS_PATH_DELETED ||
            (want->only_own && !mps_addr_same_ip(&e->addr, want->own)) ||
            (want->ifindex != 0 && e->ifindex != 0 && e->ifindex != want->ifindex))
            continue;
        list->entry[n++] = *e;
    }
    list->n = n;
}

static void rate(const struct mps_engine *eng, const struct mps_locals_want *want,
                 struct mps_netaddr_entry *e)
{
    const struct mps_path_change change = change_of(eng, want, &e->addr);

    e->backup = false;
    e->weight = MPS_WEIGHT_DEFAULT;
    mps_policy_path(eng->policy, e->ifname, &e->addr, &e->backup, &e->weight);
    if (change.has_backup)
        e->backup = change.backup;
    if (change.weight > 0)
        e->weight = change.weight;
}

void mps_locals_select(const struct mps_engine *eng, const struct mps_locals_want *want,
                       struct mps_netaddr_list *ret)
{
    const struct mps_netaddr_list *all = &eng->view->addresses;
    struct mps_netaddr_list list = {.n = 0};

    for (unsigned i = 0; i < all->n; i++) {
        if (admitted(eng, want, &all->entry[i]))
            list.entry[list.n++] = all->entry[i];
    }
    mps_netaddr_select(&list, want->options, want->own, want->peer, ret);
    add_added(all, &eng->view->paths, want->peer, ret);
    if (want->paths)
        add_added(all, want->paths, want->peer, ret);
    narrow(eng, want, ret);
    for (unsigned i = 0; i < ret->n; i++)
        rate(eng, want, &ret->entry[i]);
}

static void add_outside(const struct mps_policy *policy, struct mps_netaddr_list *list)
{
    for (unsigned i = 0; i < policy->announce.n; i++) {
        const struct mps_addr *addr = &policy->announce.item[i];
        unsigned k = 0;

        while (k < list->n && !mps_addr_same_ip(&list->entry[k].addr, addr))
            k++;
        if (k < list->n)
            list->entry[k].outside = true;
        else if (k < MPS_NETADDR_MAX)
            list->entry[list->n++] = (struct mps_netaddr_entry){
                .addr = *addr,
                .outside = true,
                .weight = MPS_WEIGHT_DEFAULT,
            };
    }
}

static bool is_held(const struct mps_holds *holds, const struct mps_netaddr_entry *e)
{
    for (unsigned i = 0; e->tun && i < holds->n; i++) {
        if (strcmp(holds->tunnel[i], e->ifname) == 0) {
            mps_log("locals: %s is the program's own tunnel", e->ifname);
            return true;
        }
    }
    return false;
}

static void find_held(struct mps_engine *eng, pid_t pid, uint64_t tunnels, struct mps_holds *ret)
{
    mps_time_t began = mps_clock_now();

    if (mps_held_recall(&eng->held, pid, tunnels, began, ret))
        return;
    mps_scout_find(pid, ret);
    mps_held_keep(&eng->held, pid, tunnels, began, mps_clock_now(), ret);
}

/* Takes out the tunnels that the program holds. Asks only if there is a tunnel at all. */
static void remove_held(struct mps_engine *eng, pid_t pid, struct mps_netaddr_list *list)
{
    uint64_t tunnels = mps_held_tunnels(list);
    struct mps_holds holds;
    unsigned n = 0;

    if (tunnels == 0 || pid <= 0)
        return;
    find_held(eng, pid, tunnels, &holds);
    for (unsigned i = 0; i < list->n; i++) {
        if (!is_held(&holds, &list->entry[i]))
            list->entry[n++] = list->entry[i];
    }
    list->n = n;
}

void mps_locals_of(const struct mps_appconn *ac, struct mps_netaddr_list *ret)
{
    const struct mps_locals_want want = {
        .options = ac->options,
        .own = &ac->local,
        .peer = &ac->peer,
        .only_own = ac->bound && ac->options->bind_keep,
        .ifindex = ac->ifindex,
        .paths = ac->paths,
    };

    mps_locals_select(ac->eng, &want, ret);
    remove_held(ac->eng, ac->pid, ret);
    if (ac->role == MPS_ROLE_SERVER && !want.only_own)
        add_outside(ac->eng->policy, ret);
}

void mps_locals_all(const struct mps_engine *eng, struct mps_netaddr_list *ret)
{
    static const struct mps_addr nobody = {.family = MPS_AF_NONE};
    static const struct mps_addr loopback = {.family = MPS_AF_INET, .ip = {127, 0, 0, 1}};
    struct mps_netaddr_list more;
    struct mps_locals_want want = {.options = &eng->options, .own = &nobody, .peer = &nobody};

    mps_locals_select(eng, &want, ret);
    want.peer = &loopback;
    mps_locals_select(eng, &want, &more);
    for (unsigned i = 0; i < more.n && ret->n < MPS_NETADDR_MAX; i++)
        ret->entry[ret->n++] = more.entry[i];
}
