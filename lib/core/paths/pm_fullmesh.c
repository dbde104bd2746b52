/* SPDX-License-Identifier: MIT */
/*
 * fullmesh: every local address with every remote address of its family. The pair whose addresses
 * are used least comes first, so that a small limit still spreads; backups come last, and behind
 * all others what was tried in vain, so that bad pairs do not take turns below the limit.
 */
#include "pm.h"

#define VAIN     4096u /* more than what use costs */
#define VAIN_MAX 4096u

static unsigned cost(const struct mps_pm_input *in, unsigned l, unsigned r)
{
    unsigned used = in->locals[l].subflows + in->remotes[r].subflows;
    unsigned vain = in->in_vain(in->user, l, r);

    if (vain > VAIN_MAX)
        vain = VAIN_MAX;

    return VAIN * vain + 2 * used + (in->locals[l].backup ? 1 : 0);
}

static int next(const struct mps_pm_input *in, unsigned *ret_l, unsigned *ret_r)
{
    int found = 0;
    unsigned best = 0;

    if (in->n_subflows >= in->max_subflows)
        return 0;
    for (unsigned l = 0; l < in->n_locals; l++) {
        for (unsigned r = 0; r < in->n_remotes; r++) {
            if (in->locals[l].addr.family != in->remotes[r].addr.family ||
                !in->may_try(in->user, l, r))
                continue;
            if (found && cost(in, l, r) >= best)
                continue;
            found = 1;
            best = cost(in, l, r);
            *ret_l = l;
            *ret_r = r;
        }
    }
    return found;
}

const struct mps_pm_ops mps_pm_fullmesh = {
    .name = "fullmesh",
    .next = next,
};
