/* SPDX-License-Identifier: MIT */
/* What a connection leaves to others at one bottleneck, and what it costs where there is none. */
#include "measure.h"
#include "rival.h"

const struct measure_row measure_fair[] = {
    {"shared",
     {{20, 20, 125, 0, NULL}, {20, 20, 125, 0, NULL}},
     2,
     .share = 1,
     .rivals = 1,
     .seconds = 40},
    {"shared-alone",
     {{20, 20, 125, 0, NULL}, {20, 20, 125, 0, NULL}},
     2,
     .share = 1,
     .seconds = 40},
    {"shared-3",
     {{20, 20, 125, 0, NULL}, {20, 20, 125, 0, NULL}},
     2,
     .share = 1,
     .rivals = 3,
     .seconds = 40},
    {"shared-fast",
     {{50, 10, 250, 0, NULL}, {50, 10, 250, 0, NULL}},
     2,
     .share = 1,
     .rivals = 1,
     .seconds = 40},
    {"shared-far",
     {{20, 80, 400, 0, NULL}, {20, 80, 400, 0, NULL}},
     2,
     .share = 1,
     .rivals = 1,
     .seconds = 60},
    {"shared-lossy",
     {{20, 20, 125, 2, NULL}, {20, 20, 125, 2, NULL}},
     2,
     .share = 1,
     .rivals = 1,
     .seconds = 40},
    {"two-of-three",
     {{20, 20, 125, 0, NULL}, {20, 20, 125, 0, NULL}, {20, 20, 125, 0, NULL}},
     3,
     .share = 1,
     .rivals = 1,
     .seconds = 40},
    {"apart", {{20, 20, 125, 0, NULL}, {20, 20, 125, 0, NULL}}, 2, .seconds = 60},
    {"apart-rival",
     {{20, 20, 125, 0, NULL}, {20, 20, 125, 0, NULL}},
     2,
     .rivals = 1,
     .seconds = 60},
    {"apart-unlike", {{40, 5, 200, 0, NULL}, {10, 50, 100, 0, NULL}}, 2, .seconds = 40},
    {"apart-far", {{40, 10, 200, 0, NULL}, {10, 100, 200, 0, NULL}}, 2, .seconds = 40},
    {"apart-very-far", {{20, 5, 125, 0, NULL}, {20, 150, 500, 0, NULL}}, 2, .seconds = 60},
    {"apart-lossy", {{20, 20, 125, 0, NULL}, {20, 20, 125, 10, NULL}}, 2, .seconds = 60},
    {"apart-outages",
     {{20, 20, 125, 0, NULL}, {20, 20, 125, 0, NULL}},
     2,
     .off_every = 7,
     .seconds = 60},
    {"apart-three",
     {{30, 10, 150, 0, NULL}, {20, 20, 150, 0, NULL}, {10, 40, 100, 0, NULL}},
     3,
     .seconds = 40},
    {"apart-full", {{20, 20, 600, 0, NULL}, {20, 20, 600, 0, NULL}}, 2, .seconds = 120},
    {"parted",
     {{20, 20, 125, 0, NULL}, {20, 20, 125, 0, NULL}},
     2,
     .share = 1,
     .change = 20,
     .seconds = 120},
    {"joined",
     {{20, 20, 125, 0, NULL}, {20, 20, 125, 0, NULL}},
     2,
     .share = 1,
     .change = 20,
     .apart_first = true,
     .rivals = 1,
     .seconds = 120},
    {"weakened",
     {{20, 20, 125, 0, NULL}, {20, 20, 125, 0, NULL}},
     2,
     .share = 1,
     .change = 20,
     .weak = 20,
     .seconds = 120},
    {"spoiled",
     {{10, 20, 62, 0, NULL}, {10, 20, 62, 0, NULL}},
     2,
     .share = 1,
     .spoiled = 20,
     .seconds = 400},
    {.name = NULL},
};

#define LOOK (20 * MPS_MSEC)

static struct shares {
    mps_time_t rested, found; /* in all; when one began to rest for a second at least */
    mps_time_t since;         /* one rests now, 0: none */
    uint64_t own, rivals;     /* in the first half */
    uint64_t own_end, rivals_end;
    mps_time_t end;
} shares;

static void note_rest(const struct world *w, bool rests)
{
    mps_time_t now = w->net.q.now - w->start;

    if (!rests) {
        shares.since = 0;
        return;
    }
    if (shares.since == 0)
        shares.since = now;
    /* What is shorter is an experiment. */
    if (now - shares.since >= MPS_SEC) {
        shares.rested += now - shares.since == MPS_SEC ? MPS_SEC : LOOK;
        if (shares.found == 0)
            shares.found = shares.since;
    }
}

static void on_look(void *obj, const struct evq_args *args)
{
    struct world *w = obj;
    struct mps_subflow_info subflows[MPS_MAX_SUBFLOWS];
    unsigned n = 0;
    bool rests = false;

    (void)args;
    if (w->net.q.now - w->start >= shares.end)
        return;
    if (w->host[0].conn != NULL)
        n = mps_conn_subflow_info(w->host[0].conn, subflows, MPS_MAX_SUBFLOWS);
    for (unsigned i = 0; i < n; i++)
        rests |= subflows[i].rests;
    note_rest(w, rests);
    evq_post(&w->net.q, w->net.q.now + LOOK, on_look, w, (struct evq_args){0, 0, 0});
}

static void step_half(struct world *w, unsigned arg)
{
    (void)arg;
    shares.own = w->host[1].app.read;
    shares.rivals = rival_received();
}

static void step_stop(struct world *w, unsigned arg)
{
    (void)arg;
    shares.own_end = w->host[1].app.read;
    shares.rivals_end = rival_received();
    w->host[0].app.p.total = w->host[0].app.written;
}

static void step_off(struct world *w, unsigned off)
{
    unsigned last = w->net.n_links - 1;

    simlink_cut(&w->net.links[last], off);
    if (off)
        simnet_reset_link(&w->net, last);
}

/* The second half of the time begins with it. */
static void step_change(struct world *w, unsigned link)
{
    simnet_share(&w->net, link, w->net.carrier[link] == 0 ? link : 0);
}

static void step_weaken(struct world *w, unsigned arg)
{
    (void)arg;
    w->net.links[0].dir[0].p.rate /= 10;
}

static void step_spoil(struct world *w, unsigned arg)
{
    simnet_spoil(&w->net, 0, 30000);
}

static void script(struct world *w, const struct measure_row *row)
{
    if (row->apart_first)
        simnet_share(&w->net, row->share, row->share);
    if (row->change > 0)
        world_at(w, row->change * MPS_SEC, step_change, row->share);
    if (row->spoiled > 0)
        world_at(w, row->spoiled * MPS_SEC, step_spoil, 0);
    if (row->weak > 0)
        world_at(w, row->weak * MPS_SEC, step_weaken, 0);
    for (unsigned i = 0; i < row->rivals; i++)
        world_at(w, prng_below(&w->rng, 2 * MPS_SEC), rival_start, 0);
    for (unsigned s = row->off_every; row->off_every > 0 && s < row->seconds; s += row->off_every) {
        world_at(w, s * MPS_SEC, step_off, true);
        world_at(w, (s + 1) * MPS_SEC, step_off, false);
    }
    world_at(w, (row->change > 0 ? row->change * MPS_SEC : shares.end / 2), step_half, 0);
    world_at(w, shares.end, step_stop, 0);
}

void measure_shares(const struct measure_row *row, uint64_t seed)
{
    static struct world w;
    struct app_params p = {
        .write_max = 65536, .read_max = 1 << 20, .unchecked = true, .total = UINT64_C(1) << 40};
    double capacity = 0, own;

    rival_reset();
    measure_world(&w, row, seed);
    shares = (struct shares){.end = row->seconds * MPS_SEC};
    world_app(&w, 0, &p);
    rival_listen(&w, 0);
    script(&w, row);
    evq_post(&w.net.q, w.start + LOOK, on_look, &w, (struct evq_args){0, 0, 0});
    world_start(&w);
    world_run(&w);
    for (unsigned i = 0; i < row->n_links; i++)
        capacity += row->share > 0 && i == row->share ? 0 : row->links[i].mbit;
    own = (double)(shares.own_end - shares.own);
    measure_say(row, seed, "part", (double)shares.own_end * 8e-6 / row->seconds / capacity);
    if (row->rivals > 0)
        measure_say(row, seed, "ratio",
                    own * row->rivals / (double)(shares.rivals_end - shares.rivals));
    measure_say(row, seed, "rests", (double)shares.rested * 100 / (double)shares.end);
    measure_say(row, seed, "found",
                (double)(shares.found > 0 ? shares.found : shares.end) / MPS_SEC);
    world_deinit(&w);
}
