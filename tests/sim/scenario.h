/* SPDX-License-Identifier: MIT */
/* Scenarios: what a world is made of, and what must come out beside what is always checked. */
#pragma once
#include "world.h"

struct scenario {
    const char *name;
    const char *about;
    void (*setup)(struct world *w); /* before world_start, which follows */
    void (*check)(struct world *w); /* after the run; NULL: nothing special */
    bool own_start;                 /* setup has started the world itself */
};

/* NULL-named entry behind the last. */
extern const struct scenario scenarios_basic[], scenarios_failure[], scenarios_opening[],
    scenarios_rate[], scenarios_fair[], scenarios_random[], scenarios_paths[];

/* Applications: so many bytes each way, no pauses. */
void scenario_bulk(struct world *w, uint64_t client_bytes, uint64_t server_bytes);

/* Script steps; the argument is a link's number. */
void step_cut(struct world *w, unsigned link);
void step_mend(struct world *w, unsigned link);
void step_reset(struct world *w, unsigned link);
