/* SPDX-License-Identifier: MIT */
/* roundrobin: around the paths that have room, as many runs on each as its weight says. */
#include "sched_path.h"

struct state {
    unsigned next; /* where the search begins; may lie behind the last path */
    unsigned left; /* runs that the path `next` gets before the one behind it */
};

static int pick(void *state, const struct mps_sched_input *in)
{
    struct state *rr = state;
    bool normal = mps_sched_has_normal(in);

    for (unsigned k = 0; k < in->n_paths; k++) {
        unsigned i = (rr->next + k) % in->n_paths;

        if (!mps_sched_eligible(&in->paths[i], normal) || in->paths[i].room == 0)
            continue;
        if (k > 0 || rr->left == 0)
            rr->left = mps_sched_weight(&in->paths[i]);
        rr->left--;
        rr->next = rr->left > 0 ? i : (i + 1) % in->n_paths;
        return (int)i;
    }
    return MPS_SCHED_NONE;
}

const struct mps_sched_ops mps_sched_roundrobin = {
    .name = "roundrobin",
    .state_size = sizeof(struct state),
    .pick = pick,
};
