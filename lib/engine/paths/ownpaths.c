/* SPDX-License-Identifier: MIT */
#include "ownpaths.h"

#include <errno.h>
#include <string.h>
#include "config/value.h"
#include "engine/agent/engine.h"
#include "engine/connection/appconn.h"
#include "locals.h"

static const struct mps_mem *mem_of(const struct mps_appconn *ac)
{
    return &ac->account.mem;
}

/* The address that the command names; false: it names none, perhaps an interface. */
static bool parse_address(const char *text, struct mps_addr *ret)
{
    char copy[64], *at = copy;
    const char *word;

    if (strlen(text) >= sizeof(copy))
        return false;
    memcpy(copy, text, strlen(text) + 1);
    (void)mps_value_next(&at);
    word = mps_value_next(&at);
    return word && mps_value_address(word, ret) == NULL;
}

static bool is_listed(const struct mps_netaddr_list *list, const struct mps_addr *addr)
{
    for (unsigned i = 0; i < list->n; i++) {
        if (mps_addr_same_ip(&list->entry[i].addr, addr))
            return true;
    }
    return false;
}

/* Is there one that is this host's? */
static bool any_own(const struct mps_netaddr_list *list)
{
    for (unsigned i = 0; i < list->n; i++) {
        if (!list->entry[i].outside)
            return true;
    }
    return false;
}

/* What follows from the changed list, as far as the program has to know. An errno value. */
static int judge(const struct mps_appconn *ac, const struct mps_addr *addr)
{
    const struct mps_path_change *change = mps_pathctl_find(ac->paths, addr);
    struct mps_netaddr_list list;

    if (!change)
        return EADDRNOTAVAIL;
    mps_locals_of(ac, &list);
    if (change->use == MPS_PATH_DELETED)
        return any_own(&list) ? 0 : EBUSY;
    return change->use != MPS_PATH_ADDED || is_listed(&list, addr) ? 0 : EADDRNOTAVAIL;
}

int mps_ownpaths_command(struct mps_appconn *ac, char *text)
{
    struct mps_pathctl *fresh = mps_alloc(mem_of(ac), sizeof(*fresh)), *old = ac->paths;
    struct mps_addr addr;
    int err = 0;

    if (!fresh)
        return ENOMEM;
    if (old)
        *fresh = *old;
    if (!parse_address(text, &addr))
        err = EINVAL;
    else if (fresh->n == MPS_PATHCTL_MAX && !mps_pathctl_find(fresh, &addr))
        err = ENOSPC;
    else if (mps_pathctl_command(fresh, &ac->eng->view->addresses, text) != NULL)
        err = EADDRNOTAVAIL;
    if (err == 0) {
        ac->paths = fresh;
        err = judge(ac, &addr);
    }
    if (err != 0)
        ac->paths = old;
    mps_free(mem_of(ac), err == 0 ? old : fresh);
    return err;
}

void mps_ownpaths_free(struct mps_appconn *ac)
{
    mps_free(mem_of(ac), ac->paths);
    ac->paths = NULL;
}
