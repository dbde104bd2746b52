/* SPDX-License-Identifier: MIT */
/* Whole connections over working paths: applications of all kinds. */
#include "scenario.h"
#include "core/sched/sched.h"

#define MB (UINT64_C(1) << 20)
#define KB (UINT64_C(1) << 10)

void scenario_bulk(struct world *w, uint64_t client_bytes, uint64_t server_bytes)
{
    struct app_params p = {.write_max = 64 * KB, .read_max = MB, .total = client_bytes};

    world_app(w, 0, &p);
    p.total = server_bytes;
    world_app(w, 1, &p);
}

void step_cut(struct world *w, unsigned link)
{
    world_say(w, "link %u is cut", link);
    simlink_cut(&w->net.links[link], true);
}

void step_mend(struct world *w, unsigned link)
{
    world_say(w, "link %u is back", link);
    simlink_cut(&w->net.links[link], false);
}

void step_reset(struct world *w, unsigned link)
{
    world_say(w, "reset on link %u", link);
    simnet_reset_link(&w->net, link);
}

static void twin_links(struct world *w)
{
    world_link(w, 100, 10, 250, 0);
    world_link(w, 100, 10, 250, 0);
}

static void two_paths(struct world *w)
{
    twin_links(w);
    scenario_bulk(w, 4 * MB, 2 * MB);
}

static void both_used(struct world *w)
{
    if (w->host[0].n_up != 2 || w->host[1].n_up != 2)
        world_fail(w, "%u and %u subflows, not 2", w->host[0].n_up, w->host[1].n_up);
    for (unsigned i = 0; i < 2; i++) {
        if (w->net.links[i].dir[0].carried < MB)
            world_fail(w, "link %u carried nearly nothing", i);
    }
}

static void heterogeneous(struct world *w)
{
    world_link(w, 50, 5, 100, 0);
    world_link(w, 5, 150, 100, 5);
    world_link(w, 20, 30, 1000, 0);
    scenario_bulk(w, 3 * MB, 3 * MB);
}

/* Paths of very different delay, every second run on each: everything arrives out of order. */
static void reorder(struct world *w)
{
    world_link(w, 50, 1, 100, 0);
    world_link(w, 50, 80, 500, 0);
    w->host[0].cfg.sched = &mps_sched_roundrobin;
    w->host[1].cfg.sched = &mps_sched_roundrobin;
    scenario_bulk(w, 2 * MB, 2 * MB);
}

static void redundant(struct world *w)
{
    twin_links(w);
    w->host[0].cfg.sched = &mps_sched_redundant;
    w->host[1].cfg.sched = &mps_sched_redundant;
    scenario_bulk(w, 2 * MB, MB);
}

/* A short delay that varies, and a longer one: pieces of a dialogue, and what is none. */
static void selective(struct world *w)
{
    world_link(w, 20, 15, 100, 3);
    world_link(w, 20, 25, 100, 0);
    for (unsigned i = 0; i < 2; i++)
        w->host[i].cfg.sched = &mps_sched_selective;
    scenario_bulk(w, 2 * MB, MB);
}

static void nothing(struct world *w)
{
    twin_links(w);
    scenario_bulk(w, 0, 0);
}

static void one_path(struct world *w)
{
    world_link(w, 100, 10, 250, 0);
    scenario_bulk(w, MB, MB);
}

/*
 * Raiciu 2012: both write, nobody reads, buffers fill; acknowledgments must still get through when
 * reading begins.
 */
static void nobody_reads(struct world *w)
{
    struct app_params p = {
        .write_max = 64 * KB, .read_max = 64 * KB, .total = MB, .first_read = 5 * MPS_SEC};

    twin_links(w);
    for (unsigned i = 0; i < 2; i++) {
        w->host[i].cfg.snd_buf_max = 64 * KB;
        w->host[i].cfg.rcv_buf_init = 16 * KB;
        w->host[i].cfg.rcv_buf_max = 32 * KB;
        world_app(w, i, &p);
    }
    w->limit = 120 * MPS_SEC;
}

static void receiver_stalls(struct world *w)
{
    struct app_params p = {.write_max = 64 * KB, .read_max = 256 * KB, .total = 4 * MB};

    twin_links(w);
    world_app(w, 0, &p);
    p.pause_permille = 300;
    p.pause_max = 900 * MPS_MSEC;
    p.total = 100;
    world_app(w, 1, &p);
    w->host[1].cfg.rcv_buf_max = 512 * KB;
    w->limit = 600 * MPS_SEC;
}

static void tiny_window(struct world *w)
{
    twin_links(w);
    for (unsigned i = 0; i < 2; i++) {
        w->host[i].cfg.rcv_buf_init = 1000;
        w->host[i].cfg.rcv_buf_max = 1000;
    }
    scenario_bulk(w, 50000, 50000);
    w->limit = 300 * MPS_SEC;
}

static void small_writes(struct world *w)
{
    struct app_params p = {.write_max = 1,
                           .read_max = 1,
                           .total = 3000,
                           .pause_permille = 200,
                           .pause_max = 5 * MPS_MSEC};

    twin_links(w);
    world_app(w, 0, &p);
    world_app(w, 1, &p);
}

static void half_close_client(struct world *w)
{
    struct app_params p = {.write_max = 64 * KB, .read_max = MB, .total = MB};

    twin_links(w);
    world_app(w, 0, &p);
    p.write_after_eof = true;
    world_app(w, 1, &p);
}

static void half_close_server(struct world *w)
{
    struct app_params p = {.write_max = 64 * KB, .read_max = MB, .total = MB};

    twin_links(w);
    world_app(w, 1, &p);
    p.write_after_eof = true;
    world_app(w, 0, &p);
}

/* Sockets are read in pieces of a few bytes: messages and frames are cut everywhere. */
static void small_reads(struct world *w)
{
    twin_links(w);
    w->host[0].rx_max = 7;
    w->host[1].rx_max = 3;
    scenario_bulk(w, 100000, 100000);
}

static void payload_mac(struct world *w)
{
    twin_links(w);
    for (unsigned i = 0; i < 2; i++)
        w->host[i].cfg.capabilities |= MPS_CAP_PAYLOAD_MAC;
    scenario_bulk(w, MB, MB);
}

const struct scenario scenarios_basic[] = {
    {"two-paths", "2 x 100 Mbit/s, 10 ms", two_paths, both_used, false},
    {"heterogeneous", "three different paths with loss", heterogeneous, NULL, false},
    {"reorder", "round robin over 1 ms and 80 ms", reorder, NULL, false},
    {"redundant", "every run on both paths", redundant, NULL, false},
    {"selective", "copies while a path's delay is in doubt", selective, NULL, false},
    {"nothing", "no byte either way", nothing, NULL, false},
    {"one-path", "no second path", one_path, NULL, false},
    {"nobody-reads", "both write, nobody reads for 5 s, tiny buffers", nobody_reads, NULL, false},
    {"receiver-stalls", "a reader with pauses", receiver_stalls, NULL, false},
    {"tiny-window", "1000 bytes of credit", tiny_window, NULL, false},
    {"small-writes", "bytes one by one", small_writes, NULL, false},
    {"half-close-client", "the server answers after EOF", half_close_client, NULL, false},
    {"half-close-server", "the client answers after EOF", half_close_server, NULL, false},
    {"small-reads", "sockets read in small pieces", small_reads, NULL, false},
    {"payload-mac", "MACs of payloads negotiated", payload_mac, NULL, false},
    {NULL, NULL, NULL, NULL, false},
};
