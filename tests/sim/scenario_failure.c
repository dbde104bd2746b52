/* SPDX-License-Identifier: MIT */
/* Paths that die, return, come late; applications that abort. */
#include "scenario.h"

#define MB (UINT64_C(1) << 20)
#define KB (UINT64_C(1) << 10)

/* Longest silence that a reading application may see when one of two paths falls silent. */
#define MAX_STALL (600 * MPS_MSEC)

static void links(struct world *w)
{
    world_link(w, 20, 10, 250, 0);
    world_link(w, 20, 10, 250, 0);
}

static void both_ways(struct world *w)
{
    links(w);
    scenario_bulk(w, 6 * MB, 6 * MB);
}

static void cut_first(struct world *w)
{
    both_ways(w);
    world_at(w, MPS_SEC, step_cut, 0);
}

static void cut_second(struct world *w)
{
    both_ways(w);
    world_at(w, MPS_SEC, step_cut, 1);
}

static void stall_bounded(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        world_say(w, "host %u: longest stall %.3f s", i,
                  (double)w->host[i].longest_stall / MPS_SEC);
        if (w->host[i].longest_stall > MAX_STALL)
            world_fail(w, "host %u: nothing to read for %.3f s", i,
                       (double)w->host[i].longest_stall / MPS_SEC);
    }
}

static void cut_and_back(struct world *w)
{
    both_ways(w);
    world_at(w, MPS_SEC, step_cut, 0);
    world_at(w, 2 * MPS_SEC, step_mend, 0);
    world_at(w, 3 * MPS_SEC, step_cut, 1);
    world_at(w, 4 * MPS_SEC, step_mend, 1);
}

static void reset_first(struct world *w)
{
    both_ways(w);
    world_at(w, MPS_SEC, step_reset, 0);
}

static void reset_second(struct world *w)
{
    both_ways(w);
    world_at(w, MPS_SEC, step_reset, 1);
}

static void reset_both(struct world *w)
{
    both_ways(w);
    world_at(w, MPS_SEC, step_reset, 0);
    world_at(w, MPS_SEC, step_reset, 1);
}

static void retried(struct world *w)
{
    if (w->host[0].n_up < 3)
        world_fail(w, "the subflow that died did not come back");
}

static void both_dead(struct world *w)
{
    both_ways(w);
    for (unsigned link = 0; link < 2; link++) {
        world_at(w, MPS_SEC, step_cut, link);
        world_at(w, 6 * MPS_SEC, step_mend, link);
    }
}

/* Everything is reset while nothing gets through: life without any subflow. */
static void break_before_make(struct world *w)
{
    both_ways(w);
    for (unsigned link = 0; link < 2; link++) {
        world_at(w, MPS_SEC, step_reset, link);
        world_at(w, MPS_SEC, step_cut, link);
        world_at(w, 4 * MPS_SEC, step_mend, link);
    }
}

#define IDLE (60 * MPS_SEC)

/* Nothing is sent for a minute; in that time one path falls silent. */
static void idle(struct world *w, unsigned link)
{
    struct app_params p = {.write_max = 64 * KB, .read_max = MB, .total = 2 * MB};

    links(w);
    p.first_write = IDLE;
    world_app(w, 0, &p);
    world_app(w, 1, &p);
    world_at(w, 5 * MPS_SEC, step_cut, link);
    w->limit = 120 * MPS_SEC;
}

static void idle_cut_first(struct world *w)
{
    idle(w, 0);
}

static void idle_cut_second(struct world *w)
{
    idle(w, 1);
}

/* Both hosts know before they need it, and the dead path has been given up. */
static void found_while_idle(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        mps_time_t at = w->host[i].stale_at;

        if (at == 0 || at - w->start > 5 * MPS_SEC + w->host[i].cfg.keepalive * 5 / 4 + MPS_SEC)
            world_fail(w, "host %u noticed the cut at %.3f s", i,
                       (double)(at - w->start) / MPS_SEC);
    }
    if (w->host[0].n_opened < 2)
        world_fail(w, "the path was not tried again");
    stall_bounded(w);
}

static void idle_cut_all(struct world *w)
{
    idle(w, 0);
    world_at(w, 5 * MPS_SEC, step_cut, 1);
    world_at(w, IDLE - MPS_SEC, step_mend, 0);
    world_at(w, IDLE - MPS_SEC, step_mend, 1);
    for (unsigned i = 0; i < 2; i++)
        w->host[i].cfg.no_subflow_timeout = 10 * MPS_SEC; /* not needed */
}

static void never_back(struct world *w)
{
    both_ways(w);
    for (unsigned link = 0; link < 2; link++) {
        world_at(w, MPS_SEC, step_reset, link);
        world_at(w, MPS_SEC, step_cut, link);
        w->host[link].cfg.no_subflow_timeout = 10 * MPS_SEC;
    }
    w->must_reset = true;
    w->limit = 120 * MPS_SEC;
}

/* The end of both directions is under way when the path is cut. */
static void cut_at_end(struct world *w)
{
    links(w);
    scenario_bulk(w, 500 * KB, 500 * KB);
    world_at(w, 180 * MPS_MSEC, step_cut, 0);
}

static void abort_client(struct world *w)
{
    struct app_params p = {.write_max = 64 * KB, .read_max = MB, .total = 6 * MB};

    links(w);
    world_app(w, 1, &p);
    p.abort_at = MB;
    world_app(w, 0, &p);
    w->must_reset = true;
}

static void abort_server(struct world *w)
{
    struct app_params p = {.write_max = 64 * KB, .read_max = MB, .total = 6 * MB};

    links(w);
    world_app(w, 0, &p);
    p.abort_at = MB;
    world_app(w, 1, &p);
    w->must_reset = true;
}

/* The server closes while the client still writes: reset, as TCP does. */
static void close_early(struct world *w)
{
    struct app_params p = {.write_max = 64 * KB, .read_max = MB, .total = 6 * MB};

    links(w);
    world_app(w, 0, &p);
    p.total = 0;
    p.close_at = MB;
    world_app(w, 1, &p);
    w->must_reset = true;
}

static void remove_address(struct world *w, unsigned link)
{
    if (w->host[0].conn != NULL)
        host_remove_addr(&w->host[0], link);
    simlink_cut(&w->net.links[link], true);
}

static void add_address(struct world *w, unsigned link)
{
    simlink_cut(&w->net.links[link], false);
    if (w->host[0].conn != NULL)
        host_add_addr(&w->host[0], link, false, false);
}

static void address_goes(struct world *w)
{
    both_ways(w);
    world_at(w, MPS_SEC, remove_address, 0);
    world_at(w, 2 * MPS_SEC, add_address, 0);
}

static void goes_and_comes(struct world *w)
{
    stall_bounded(w);
    retried(w);
}

static void late_link(struct world *w)
{
    both_ways(w);
    simlink_cut(&w->net.links[1], true);
    world_at(w, MPS_SEC, step_mend, 1);
    w->limit = 60 * MPS_SEC;
}

static void joined(struct world *w)
{
    if (w->host[0].n_up < 2)
        world_fail(w, "the second path was not joined");
}

static void damage(struct world *w, unsigned link)
{
    world_say(w, "damage on link %u", link);
    w->net.links[link].damage = true;
}

/* A box on the way changes bytes: the MACs find it, the subflow's data goes elsewhere. */
static void damaged(struct world *w)
{
    both_ways(w);
    for (unsigned i = 0; i < 2; i++)
        w->host[i].cfg.capabilities |= MPS_CAP_PAYLOAD_MAC;
    for (unsigned i = 0; i < 4; i++)
        world_at(w, (300 + 400 * i) * MPS_MSEC, damage, i % 2);
}

static void damage_found(struct world *w)
{
    if (w->host[0].n_up < 3)
        world_fail(w, "no subflow was given up");
}

const struct scenario scenarios_failure[] = {
    {"cut-first", "the first path falls silent", cut_first, stall_bounded, false},
    {"cut-second", "the second path falls silent", cut_second, stall_bounded, false},
    {"cut-and-back", "silent one after the other, and back", cut_and_back, NULL, false},
    {"reset-first", "RST on the first path", reset_first, retried, false},
    {"reset-second", "RST on the second path", reset_second, retried, false},
    {"reset-both", "RST on both at once", reset_both, retried, false},
    {"both-dead", "both silent for 5 s", both_dead, NULL, false},
    {"break-before-make", "no subflow at all for 3 s", break_before_make, NULL, false},
    {"idle-cut-first", "the first path falls silent while idle", idle_cut_first, found_while_idle,
     false},
    {"idle-cut-second", "the second path does", idle_cut_second, found_while_idle, false},
    {"idle-cut-all", "both do, and come back before they are used", idle_cut_all, NULL, false},
    {"never-back", "no subflow any more", never_back, NULL, false},
    {"cut-at-end", "cut while closing", cut_at_end, NULL, false},
    {"abort-client", "FASTCLOSE by the client", abort_client, NULL, false},
    {"abort-server", "FASTCLOSE by the server", abort_server, NULL, false},
    {"close-early", "the server closes with data coming", close_early, NULL, false},
    {"address-goes", "local address removed and added", address_goes, goes_and_comes, false},
    {"damage", "bytes change on the way", damaged, damage_found, false},
    {"late-link", "the second path works after 1 s", late_link, joined, false},
    {NULL, NULL, NULL, NULL, false},
};
