/* SPDX-License-Identifier: MIT */
/* What always holds for the addresses of a connection (struct mps_paths). */
#include "core/conn/check.h"

/* A set of identifiers, of 8 bits each. */
struct ids {
    uint64_t word[4];
};

/* False: it is there already. */
static bool add(struct ids *set, uint8_t id)
{
    uint64_t bit = UINT64_C(1) << id % 64, before = set->word[id / 64];

    set->word[id / 64] |= bit;
    return !(before & bit);
}

static const char *check_locals(const struct mps_paths *p)
{
    struct ids ids = {{0}};

    if (p->n_locals > p->max_locals || p->n_locals > MPS_LOCALS_MAX + 1)
        return "paths: more local addresses than places";
    for (unsigned i = 0; i < p->n_locals; i++) {
        const struct mps_local *l = &p->locals[i];

        if (l->key == 0 || l->key > p->last_key)
            return "paths: a local address has a key that was never given";
        if (l->id != MPS_ADDR_ID_SPARE && !add(&ids, l->id))
            return "paths: two local addresses have one identifier";
    }
    return NULL;
}

static const char *check_remotes(const struct mps_paths *p)
{
    struct ids ids = {{0}};

    if (p->n_remotes > (p->remotes == p->few_remotes ? MPS_PATHS_FEW : MPS_ADDRS_MAX))
        return "paths: more remote addresses than places";
    if (p->n_claims > (p->claims ? MPS_CLAIMS_MAX : 0))
        return "paths: more claims than places";
    for (unsigned i = 0; i < p->n_remotes; i++) {
        if (!p->remotes[i].gone && !add(&ids, p->remotes[i].id))
            return "paths: two remote addresses have one identifier";
    }
    return NULL;
}

const char *mps_paths_check(const struct mps_paths *p)
{
    const char *broken = check_locals(p);

    if (p->n_retries > (p->retries == p->few_retries ? MPS_PATHS_FEW : MPS_RETRY_PAIRS))
        return "paths: more pairs are remembered than places";
    return broken ? broken : check_remotes(p);
}
