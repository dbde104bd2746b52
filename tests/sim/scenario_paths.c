/* SPDX-License-Identifier: MIT */
/*
 * Random histories of paths: for most of a minute paths appear, disappear, fall silent, heal,
 * change their rate, lose packets; addresses of both hosts go and come; subflows are reset and
 * become backup. Then all is well, and everything must arrive: no byte is lost, nothing is stuck.
 */
#include "core/sched/sched.h"
#include "scenario.h"

#define KB      (UINT64_C(1) << 10)
#define STEPS   50
#define TROUBLE (40 * MPS_SEC) /* how long it lasts */

static struct {
    bool there[2][SIMNET_MAX_LINKS]; /* the host's address on the link */
    bool cut[SIMNET_MAX_LINKS];
    struct simlink_params healthy[SIMNET_MAX_LINKS];
} now;

/* The first subflow is not to be harmed before both hosts know that it can be replaced. */
static bool confirmed(const struct world *w)
{
    struct mps_conn_info info = {0};

    if (w->host[0].conn == NULL || w->host[1].conn == NULL)
        return false;
    mps_conn_info(w->host[1].conn, &info);
    return w->host[0].established && (w->host[1].n_up > 1 || info.bytes_received > 0);
}

/* A link works if nobody has cut it and both ends are there; else what is on it vanishes. */
static void settle_link(struct world *w, unsigned link)
{
    bool dead = now.cut[link] || !now.there[0][link] || !now.there[1][link];

    if (dead != w->net.links[link].cut)
        simlink_cut(&w->net.links[link], dead);
}

static void set_address(struct world *w, unsigned host, unsigned link, bool there)
{
    if (now.there[host][link] == there)
        return;
    world_say(w, "host %u: address %u %s", host, link, there ? "comes" : "goes");
    now.there[host][link] = there;
    settle_link(w, link);
    if (there)
        host_add_addr(&w->host[host], link, host == 1 && link > 0, prng_chance(&w->rng, 200));
    else
        host_remove_addr(&w->host[host], link);
    host_service(&w->host[host]);
}

static void set_cut(struct world *w, unsigned link, bool cut)
{
    world_say(w, "link %u %s", link, cut ? "is cut" : "is back");
    now.cut[link] = cut;
    settle_link(w, link);
}

static void change_link(struct world *w, unsigned link)
{
    for (unsigned dir = 0; dir < 2; dir++) {
        struct simlink_params *p = &w->net.links[link].dir[dir].p;

        p->rate = now.healthy[link].rate * prng_log_range(&w->rng, 5, 200) / 100;
        p->loss_ppm = prng_chance(&w->rng, 300) ? (unsigned)prng_below(&w->rng, 50000) : 0;
    }
    world_say(w, "link %u: %llu bytes/s", link,
              (unsigned long long)w->net.links[link].dir[0].p.rate);
}

/* The user, or the other host's: backup of one subflow, or of all of an address; the scheduler. */
static void change_policy(struct world *w, unsigned link)
{
    struct host *host = &w->host[prng_below(&w->rng, 2)];
    bool backup = prng_chance(&w->rng, 500);

    switch (prng_below(&w->rng, 3)) {
    case 0:
        for (unsigned i = 0; i < host->n_socks; i++) {
            if (host->socks[i].kind == HSOCK_SUBFLOW && host->socks[i].sf != NULL &&
                prng_chance(&w->rng, 500))
                (void)mps_conn_set_backup(host->conn, host->socks[i].sf, backup, w->net.q.now);
        }
        break;
    case 1:
        if (now.there[host->number][link])
            host_add_addr(host, link, host->number == 1 && link > 0, backup);
        break;
    default:
        if (mps_conn_set_scheduler(host->conn, mps_sched_at((unsigned)prng_below(&w->rng, 5)),
                                   w->net.q.now) < 0)
            world_fail(w, "scheduler not changed");
        break;
    }
    world_say(w, "host %u: policy for link %u", host->number, link);
    host_service(host);
}

static void change_route(struct world *w, unsigned link)
{
    struct host *host = &w->host[prng_below(&w->rng, 2)];
    struct mps_route route = {
        .dst = simnet_addr(link, 1 - host->number, 0),
        .prefix_len = prng_chance(&w->rng, 500) ? 0 : 16,
        .ifindex = prng_chance(&w->rng, 300) ? 0 : link + 1,
        .gone = prng_chance(&w->rng, 500),
    };

    mps_conn_route_changed(host->conn, &route, w->net.q.now);
    host_service(host);
}

static void trouble(struct world *w, unsigned unused)
{
    unsigned link = (unsigned)prng_below(&w->rng, w->net.n_links);
    unsigned host = (unsigned)prng_below(&w->rng, 2);

    (void)unused;
    if (!confirmed(w))
        return;
    switch (prng_below(&w->rng, 9)) {
    case 0:
    case 1:
        set_cut(w, link, !now.cut[link]);
        break;
    case 2:
    case 3:
        set_address(w, host, link, !now.there[host][link]);
        break;
    case 4:
        step_reset(w, link);
        break;
    case 5:
    case 6:
        change_link(w, link);
        break;
    case 7:
        change_policy(w, link);
        break;
    default:
        change_route(w, link);
        break;
    }
}

static void end_of_trouble(struct world *w, unsigned link)
{
    for (unsigned dir = 0; dir < 2; dir++)
        w->net.links[link].dir[dir].p = now.healthy[link];
    for (unsigned host = 0; host < 2; host++) {
        if (w->host[host].conn != NULL)
            set_address(w, host, link, true);
        now.there[host][link] = true;
    }
    set_cut(w, link, false);
}

static void links(struct world *w)
{
    unsigned n = 1 + (unsigned)prng_below(&w->rng, SIMNET_MAX_LINKS);

    for (unsigned i = 0; i < n; i++) {
        unsigned mbit = (unsigned)prng_log_range(&w->rng, 2, 40);

        world_link(w, mbit, (unsigned)prng_log_range(&w->rng, 2, 150),
                   (unsigned)prng_log_range(&w->rng, 16, 1024), 0);
        now.healthy[i] = w->net.links[i].dir[0].p;
        now.there[0][i] = now.there[1][i] = true;
        now.cut[i] = false;
    }
    w->net.routed = prng_chance(&w->rng, 300);
}

/* From a few bytes to as much as keeps the links busy; at once, with pauses, or after a while. */
static void app(struct world *w, unsigned host, bool answers)
{
    struct prng *rng = &w->rng;
    struct app_params p = {
        .total = prng_chance(rng, 100) ? 0 : prng_log_range(rng, 1, 8192 * KB),
        .write_max = prng_log_range(rng, 1 * KB, 256 * KB),
        .read_max = prng_log_range(rng, 1 * KB, 256 * KB),
        .write_after_eof = answers,
    };

    if (prng_chance(rng, 700)) {
        p.pause_permille = (unsigned)prng_log_range(rng, 1, 1000);
        p.pause_max = prng_log_range(rng, MPS_MSEC, 300 * MPS_MSEC);
    }
    if (prng_chance(rng, 300))
        p.first_write = prng_below(rng, TROUBLE);
    if (prng_chance(rng, 200))
        p.first_read = prng_below(rng, 5 * MPS_SEC);
    world_app(w, host, &p);
}

static void setup(struct world *w)
{
    bool answers = prng_chance(&w->rng, 200);
    unsigned first = (unsigned)prng_below(&w->rng, 2);

    links(w);
    for (unsigned i = 0; i < 2; i++) {
        struct mps_config *cfg = &w->host[i].cfg;

        cfg->no_subflow_timeout = 10 * TROUBLE;
        if (prng_chance(&w->rng, 300))
            cfg->capabilities |= MPS_CAP_PAYLOAD_MAC;
        /* A client that never asks does not notice that the server has lost all its subflows. */
        if (prng_chance(&w->rng, 300))
            cfg->keepalive = i == 1 && prng_chance(&w->rng, 500) ? 0 : 2 * MPS_SEC;
        if (prng_chance(&w->rng, 200))
            cfg->max_subflows = (unsigned)prng_range(&w->rng, 1, 4);
    }
    app(w, first, answers);
    app(w, 1 - first, false);
    for (unsigned i = 0; i < STEPS; i++)
        world_at(w, prng_log_range(&w->rng, 100 * MPS_MSEC, TROUBLE), trouble, 0);
    for (unsigned i = 0; i < w->net.n_links; i++)
        world_at(w, TROUBLE, end_of_trouble, i);
    /*
     * The last retransmission timer may have doubled to as much as the trouble lasted; what is left
     * then goes over the slowest link, one direction after the other; the pauses sum up to a
     * minute, and the end that the other side does not confirm takes another one.
     */
    w->limit = 3 * TROUBLE + 120 * MPS_SEC +
               (w->host[0].app.p.total + w->host[1].app.p.total) * MPS_SEC / 200000;
}

const struct scenario scenarios_paths[] = {
    {"paths", "random histories of paths, drawn from the seed", setup, NULL, false},
    {NULL, NULL, NULL, NULL, false},
};
