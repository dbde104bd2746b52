/* SPDX-License-Identifier: MIT */
/* Random connections: paths, applications, limits and failures drawn from the seed. */
#include "core/conn/state.h"
#include "core/paths/pm.h"
#include "core/sched/sched.h"
#include "scenario.h"

#define KB (UINT64_C(1) << 10)

static void random_links(struct world *w)
{
    unsigned n = 1 + (unsigned)prng_below(&w->rng, 3);

    for (unsigned i = 0; i < n; i++) {
        unsigned loss = prng_chance(&w->rng, 300) ? (unsigned)prng_below(&w->rng, 30) : 0;

        world_link(w, (unsigned)prng_log_range(&w->rng, 1, 200),
                   (unsigned)prng_log_range(&w->rng, 1, 150),
                   (unsigned)prng_log_range(&w->rng, 8, 2048), loss);
    }
    w->net.routed = prng_chance(&w->rng, 300);
}

static void random_config(struct world *w, struct host *host)
{
    struct prng *rng = &w->rng;
    unsigned sched = (unsigned)prng_below(rng, 8);

    /* The default in three of eight. */
    host->cfg.sched = mps_sched_at(sched < 5 ? sched : 0);
    host->cfg.pm = mps_pm_at(prng_chance(rng, 700) ? 0 : 1);
    if (prng_chance(rng, 500))
        host->cfg.snd_buf_max = prng_log_range(rng, 2 * KB, 4096 * KB);
    if (prng_chance(rng, 500)) {
        host->cfg.rcv_buf_max = prng_log_range(rng, 1 * KB, 4096 * KB);
        host->cfg.rcv_buf_init = prng_log_range(rng, 1 * KB, host->cfg.rcv_buf_max);
    }
    if (prng_chance(rng, 500))
        host->cfg.capabilities |= MPS_CAP_PAYLOAD_MAC;
    if (prng_chance(rng, 200))
        host->cfg.max_subflows = (unsigned)prng_range(rng, 1, 8);
    if (prng_chance(rng, 200))
        host->rx_max = prng_log_range(rng, 1, 100000);
    host->cfg.zero_rtt = prng_chance(rng, 200);
    if (prng_chance(rng, 500))
        host->cfg.join_delay = prng_log_range(rng, MPS_MSEC, 1000 * MPS_MSEC);
    host->cfg.no_subflow_timeout = 60 * MPS_SEC;
    host->bypass |= prng_chance(&host->around, 400);
}

static void random_app(struct world *w, unsigned host, bool answers)
{
    struct prng *rng = &w->rng;
    struct app_params p = {
        .total = prng_chance(rng, 100) ? 0 : prng_log_range(rng, 1, 1024 * KB),
        .write_max = prng_log_range(rng, 1, 256 * KB),
        .read_max = prng_log_range(rng, 1, 256 * KB),
        .write_after_eof = answers,
    };

    if (prng_chance(rng, 500)) {
        p.pause_permille = (unsigned)prng_log_range(rng, 1, 300);
        p.pause_max = prng_log_range(rng, MPS_MSEC, 300 * MPS_MSEC);
    }
    if (prng_chance(rng, 200))
        p.first_read = prng_below(rng, 3 * MPS_SEC);
    if (prng_chance(rng, 200))
        p.first_write = prng_below(rng, MPS_SEC);
    if (prng_chance(rng, 50)) {
        p.abort_at = prng_range(rng, 1, p.total + 1);
        w->may_reset = true;
    }
    if (prng_chance(rng, 50)) {
        p.close_at = prng_log_range(rng, 1, 200 * KB);
        w->may_reset = true;
    }
    world_app(w, host, &p);
}

/*
 * A server that heard nothing from its client since HELLO gives up with its only subflow: the
 * client may not know of the connection. Early data whose answer does not come must not be sent
 * again, and those that the client has not vouched for must not stay. Neither is a failure to
 * survive, so subflows are destroyed only after FINISHED has come.
 */
static bool confirmed(const struct world *w)
{
    const struct mps_conn *server = w->host[1].conn;

    return w->host[0].established && server != NULL && server->handshake == NULL;
}

static void reset_link(struct world *w, unsigned link)
{
    if (confirmed(w))
        step_reset(w, link);
}

/*
 * Not on a link that is cut: the reset of its subflow would be lost, and if the application ends
 * meanwhile, an idle peer without another subflow never learns of it, as over TCP.
 */
static void remove_address(struct world *w, unsigned link)
{
    if (!w->net.links[link].cut && confirmed(w) && w->host[0].conn != NULL) {
        world_say(w, "address %u is removed", link);
        host_remove_addr(&w->host[0], link);
    }
}

static void add_address(struct world *w, unsigned link)
{
    if (w->host[0].conn != NULL)
        host_add_addr(&w->host[0], link, false, prng_chance(&w->rng, 300));
}

/* Without MACs it would be the application's bytes, as over TCP. */
static void damage(struct world *w, unsigned link)
{
    uint32_t both = w->host[0].cfg.capabilities & w->host[1].cfg.capabilities;

    if (confirmed(w) && (both & MPS_CAP_PAYLOAD_MAC)) {
        world_say(w, "damage on link %u", link);
        w->net.links[link].damage = true;
    }
}

/* Each failure of a link is mended within 4 s, and none comes after 10 s. */
static void random_failures(struct world *w)
{
    unsigned n = prng_chance(&w->rng, 600) ? (unsigned)prng_below(&w->rng, 6) : 0;

    for (unsigned i = 0; i < n; i++) {
        unsigned link = (unsigned)prng_below(&w->rng, w->net.n_links);
        mps_time_t at = prng_log_range(&w->rng, 10 * MPS_MSEC, 6 * MPS_SEC);
        mps_time_t until = at + prng_log_range(&w->rng, 10 * MPS_MSEC, 4 * MPS_SEC);

        switch (prng_below(&w->rng, 5)) {
        case 0:
            world_at(w, at, reset_link, link);
            break;
        case 1:
            world_at(w, at, remove_address, link);
            world_at(w, until, add_address, link);
            break;
        case 2:
            world_at(w, at, damage, link);
            break;
        default:
            world_at(w, at, step_cut, link);
            world_at(w, until, step_mend, link);
            break;
        }
    }
}

/*
 * What a user may change while the connection runs: flag and weight of an address, the scheduler.
 */
static void change_policy(struct world *w, unsigned link)
{
    struct prng *rng = &w->rng;
    struct host *host = &w->host[prng_below(rng, 2)];

    if (host->conn == NULL)
        return;
    world_say(w, "policy of host %u, address %u", host->number, link);
    if (prng_chance(rng, 500))
        host_add_addr(host, link, host->number == 1 && link > 0, prng_chance(rng, 500));
    if (prng_chance(rng, 500))
        host_set_weight(host, link, (unsigned)prng_log_range(rng, 1, MPS_WEIGHT_MAX));
    if (prng_chance(rng, 500))
        host_set_scheduler(host, mps_sched_at((unsigned)prng_below(rng, 5)));
}

static void random_policy(struct world *w)
{
    unsigned n = prng_chance(&w->rng, 300) ? (unsigned)prng_range(&w->rng, 1, 8) : 0;

    for (unsigned i = 0; i < n; i++) {
        unsigned link = (unsigned)prng_below(&w->rng, w->net.n_links);

        world_at(w, prng_log_range(&w->rng, MPS_MSEC, 10 * MPS_SEC), change_policy, link);
    }
}

/* One buffer of a tiny size moves in each round trip of up to 300 ms. */
static mps_time_t window_time(const struct world *w, unsigned host)
{
    uint64_t window = w->host[host].cfg.snd_buf_max, peer = w->host[1 - host].cfg.rcv_buf_max;

    if (peer < window)
        window = peer;
    return (w->host[host].app.p.total / window + 1) * 320 * MPS_MSEC;
}

static void setup(struct world *w)
{
    bool answers = prng_chance(&w->rng, 200);
    unsigned first = (unsigned)prng_below(&w->rng, 2);

    random_links(w);
    random_config(w, &w->host[0]);
    random_config(w, &w->host[1]);
    random_app(w, first, answers);
    random_app(w, 1 - first, false);
    random_failures(w);
    random_policy(w);
    /*
     * Failures are over after 10 s, and a TCP timer may have doubled to as much again; an end that
     * the other side does not confirm takes 60 s; an application pauses for 60 s at most. One side
     * may wait for the other before it writes.
     */
    w->limit = 150 * MPS_SEC + window_time(w, 0) + window_time(w, 1);
}

const struct scenario scenarios_random[] = {
    {"random", "drawn from the seed", setup, NULL, false},
    {NULL, NULL, NULL, NULL, false},
};
