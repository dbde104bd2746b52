/* SPDX-License-Identifier: MIT */
/* Two subflows and one TCP flow at one bottleneck: what each gets. */
#include "rival.h"
#include "scenario.h"

#define MB    (UINT64_C(1) << 20)
#define BEGIN 8  /* seconds: the shares are counted from here */
#define END   32 /* to here */

static uint64_t rival_begin, rival_end; /* bytes received */

/* The multipath connection's at the same times. */
static uint64_t own_begin, own_end;

static void step_begin(struct world *w, unsigned arg)
{
    (void)arg;
    own_begin = w->host[1].app.read;
    rival_begin = rival_received();
}

static void step_end(struct world *w, unsigned arg)
{
    (void)arg;
    own_end = w->host[1].app.read;
    rival_end = rival_received();
}

/* `links` of 20 Mbit/s each, of which the second may be the first again. */
static void setup(struct world *w, enum mps_fairness fairness, bool shared)
{
    rival_reset();
    w->host[0].cfg.fairness = w->host[1].cfg.fairness = fairness;
    world_link(w, 20, 20, 125, 0);
    world_link(w, 20, 20, 125, 0);
    if (shared)
        simnet_share(&w->net, 1, 0);
    rival_listen(w, 0);
    scenario_bulk(w, (shared ? 60 : 140) * MB, 0);
    world_at(w, 0, rival_start, 0);
    world_at(w, BEGIN * MPS_SEC, step_begin, 0);
    world_at(w, END * MPS_SEC, step_end, 0);
    w->limit = 200 * MPS_SEC;
}

static void check(struct world *w, double least, double most)
{
    double own = (double)(own_end - own_begin) * 8e-6 / (END - BEGIN);
    double other = (double)(rival_end - rival_begin) * 8e-6 / (END - BEGIN);

    printf("%s: %.2f Mbit/s beside %.2f: %.2f : 1\n", w->name, own, other, own / other);
    if (w->host[1].n_up != 2)
        world_fail(w, "%u subflows, not 2", w->host[1].n_up);
    if (own < least * other || own > most * other)
        world_fail(w, "the ratio is not within %.2f and %.2f", least, most);
}

static void setup_auto(struct world *w)
{
    setup(w, MPS_FAIR_AUTO, true);
}

static void setup_strict(struct world *w)
{
    setup(w, MPS_FAIR_STRICT, true);
}

static void setup_off(struct world *w)
{
    setup(w, MPS_FAIR_OFF, true);
}

static void setup_disjoint(struct world *w)
{
    setup(w, MPS_FAIR_AUTO, false);
}

static void check_fair(struct world *w)
{
    check(w, 0.8, 1.2);
}

static void check_off(struct world *w)
{
    check(w, 1.5, 3);
}

/* One path with a rival, one without: 10 + 20 beside 10. */
static void check_disjoint(struct world *w)
{
    check(w, 2.4, 4);
}

const struct scenario scenarios_fair[] = {
    {"fair-auto", "shared bottleneck, found", setup_auto, check_fair, false},
    {"fair-strict", "shared bottleneck, assumed", setup_strict, check_fair, false},
    {"fair-off", "shared bottleneck, one share each", setup_off, check_off, false},
    {"fair-disjoint", "two bottlenecks, a rival at one", setup_disjoint, check_disjoint, false},
    {NULL, NULL, NULL, NULL, false},
};
