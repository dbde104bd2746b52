/* SPDX-License-Identifier: MIT */
#include "pathctl.h"

#include <string.h>
#include "config/value.h"
#include "core/sched/sched.h"
#include "netaddr.h"

/* Its place in the list; ctl->n if it is not there. */
static unsigned place_of(const struct mps_pathctl *ctl, const struct mps_addr *addr)
{
    unsigned i = 0;

    while (i < ctl->n && !mps_addr_same_ip(&ctl->item[i].addr, addr))
        i++;
    return i;
}

const struct mps_path_change *mps_pathctl_find(const struct mps_pathctl *ctl,
                                               const struct mps_addr *addr)
{
    unsigned i = place_of(ctl, addr);

    return i < ctl->n ? &ctl->item[i] : NULL;
}

struct mps_path_change mps_pathctl_merged(const struct mps_pathctl *all,
                                          const struct mps_pathctl *own,
                                          const struct mps_addr *addr)
{
    const struct mps_path_change *theirs = mps_pathctl_find(all, addr);
    const struct mps_path_change *ours = own ? mps_pathctl_find(own, addr) : NULL;
    struct mps_path_change ret = {.addr = *addr};

    if (theirs)
        ret = *theirs;
    if (!ours)
        return ret;
    if (ret.use != MPS_PATH_DELETED && ours->use != MPS_PATH_AS_BEFORE) {
        ret.use = ours->use;
        ret.exact = ours->exact;
    }
    if (ours->has_backup) {
        ret.has_backup = true;
        ret.backup = ours->backup;
    }
    if (ours->weight > 0)
        ret.weight = ours->weight;
    return ret;
}

/* The addresses that a word names. */
struct targets {
    bool exact; /* it was an address */
    struct mps_addr addr[MPS_NETADDR_MAX];
    unsigned n;
};

static void find_targets(const struct mps_pathctl *ctl, const struct mps_netaddr_list *all,
                         const char *name, struct targets *ret)
{
    struct mps_addr addr;
    bool is_addr = mps_value_address(name, &addr) == NULL;

    ret->n = 0;
    ret->exact = is_addr;
    for (unsigned i = 0; i < all->n; i++) {
        const struct mps_netaddr_entry *e = &all->entry[i];

        if (is_addr ? mps_addr_same_ip(&e->addr, &addr) : strcmp(e->ifname, name) == 0)
            ret->addr[ret->n++] = e->addr;
    }
    /* All of 127.0.0.0/8 is there; and what was changed before may have gone meanwhile. */
    if (ret->n == 0 && is_addr && (mps_addr_is_loopback(&addr) || mps_pathctl_find(ctl, &addr)))
        ret->addr[ret->n++] = addr;
}

static const char *parse_setting(struct mps_path_change *change, char *word)
{
    char *value = strchr(word, '=');
    unsigned long n;

    if (!value)
        return "not backup=yes, backup=no or weight=N";
    *value++ = '\0';
    if (strcmp(word, "backup") == 0) {
        if (mps_value_flag(value, &change->backup))
            return "backup= is yes or no";
        change->has_backup = true;
        return NULL;
    }
    if (strcmp(word, "weight") == 0) {
        if (mps_value_number(value, 1, MPS_WEIGHT_MAX, &n))
            return "weight= is a number, 1 to 100";
        change->weight = (unsigned)n;
        return NULL;
    }
    return "not backup=yes, backup=no or weight=N";
}

static const char *parse_verb(struct mps_path_change *change, const char *verb)
{
    if (!verb)
        return "no command";
    if (strcmp(verb, "add") == 0)
        change->use = MPS_PATH_ADDED;
    else if (strcmp(verb, "del") == 0)
        change->use = MPS_PATH_DELETED;
    else if (strcmp(verb, "set") != 0)
        return "the command is not add, del or set";
    return NULL;
}

static unsigned n_new(const struct mps_pathctl *ctl, const struct targets *targets)
{
    unsigned n = 0;

    for (unsigned i = 0; i < targets->n; i++)
        n += mps_pathctl_find(ctl, &targets->addr[i]) == NULL;
    return n;
}

static void apply(struct mps_pathctl *ctl, const struct mps_addr *addr,
                  const struct mps_path_change *change)
{
    struct mps_path_change *item = &ctl->item[place_of(ctl, addr)];

    if (item == &ctl->item[ctl->n]) {
        *item = (struct mps_path_change){.addr = *addr};
        ctl->n++;
    }
    if (change->use != MPS_PATH_AS_BEFORE) {
        item->use = change->use;
        item->exact = change->exact;
    }
    if (change->has_backup) {
        item->has_backup = true;
        item->backup = change->backup;
    }
    if (change->weight > 0)
        item->weight = change->weight;
}

const char *mps_pathctl_command(struct mps_pathctl *ctl, const struct mps_netaddr_list *all,
                                char *text)
{
    struct mps_path_change change = {.use = MPS_PATH_AS_BEFORE};
    const char *why = parse_verb(&change, mps_value_next(&text));
    char *name = why ? NULL : mps_value_next(&text), *word;
    struct targets targets;

    if (!why && !name)
        why = "no address or interface";
    while (!why && (word = mps_value_next(&text)))
        why = parse_setting(&change, word);
    if (why)
        return why;
    if (change.use == MPS_PATH_AS_BEFORE && !change.has_backup && change.weight == 0)
        return "nothing to set: backup=yes, backup=no or weight=N";
    if (change.use == MPS_PATH_DELETED && (change.has_backup || change.weight > 0))
        return "nothing can be set of what is deleted";
    find_targets(ctl, all, name, &targets);
    if (targets.n == 0)
        return "neither an address nor an interface with addresses of this host";
    if (ctl->n + n_new(ctl, &targets) > MPS_PATHCTL_MAX)
        return "too many addresses have been changed";
    change.exact = targets.exact;
    for (unsigned i = 0; i < targets.n; i++)
        apply(ctl, &targets.addr[i], &change);
    return NULL;
}
