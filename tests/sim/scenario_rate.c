/* SPDX-License-Identifier: MIT */
/* Goodput over several links, against what one stream gets on each link alone; how smooth it is. */
#include "scenario.h"

#define MB (UINT64_C(1) << 20)

struct path {
    unsigned mbit, delay_ms, queue_kb, loss_permille;
};

struct net {
    struct path paths[3];
    unsigned n;
    double at_least; /* fraction of the sum */
};

/* The queues hold about what 50 ms carry, at least 250 KB. */
static const struct net twin = {{{100, 10, 500, 0}, {100, 10, 500, 0}}, 2, 0.95};
static const struct net wifi_lte = {{{100, 10, 500, 0}, {20, 100, 500, 0}}, 2, 0.80};
static const struct net lan_sat = {{{100, 5, 500, 0}, {100, 150, 2000, 0}}, 2, 0.50};
static const struct net triple = {{{60, 10, 300, 0}, {40, 20, 250, 0}, {20, 40, 250, 0}}, 3, 0.90};
static const struct net bloated = {{{100, 10, 500, 0}, {10, 10, 2048, 0}}, 2, 0.90};
static const struct net lossy = {{{100, 10, 500, 0}, {100, 10, 500, 10}}, 2, 0.80};
static const struct net dsl_lte = {{{100, 5, 500, 0}, {20, 50, 500, 0}}, 2, 0.90};

#define SECONDS 8

static void setup(struct world *w, const struct path *paths, unsigned n)
{
    uint64_t mbit = 0;

    for (unsigned i = 0; i < n; i++) {
        world_link(w, paths[i].mbit, paths[i].delay_ms, paths[i].queue_kb, paths[i].loss_permille);
        mbit += paths[i].mbit;
    }
    scenario_bulk(w, mbit * 125000 * SECONDS, 0);
    w->limit = 200 * MPS_SEC;
}

/* Bytes per second until the last byte was read. */
static double goodput(const struct world *w)
{
    const struct host *server = &w->host[1];

    return (double)server->app.read / ((double)(server->last_read_at - w->start) / MPS_SEC);
}

static double alone(const struct world *w, const struct path *path)
{
    static struct world one;
    double rate;

    world_init(&one, w->name, w->seed, false);
    setup(&one, path, 1);
    world_start(&one);
    world_run(&one);
    rate = goodput(&one);
    world_deinit(&one);
    return rate;
}

static void check(struct world *w, const struct net *net)
{
    double sum = 0, got = goodput(w);

    for (unsigned i = 0; i < net->n; i++)
        sum += alone(w, &net->paths[i]);
    printf("%s: %.1f Mbit/s of %.1f: %.3f; reinjected %llu KB, receiver's memory %llu KB\n",
           w->name, got * 8e-6, sum * 8e-6, got / sum,
           (unsigned long long)w->host[0].reinjected >> 10,
           (unsigned long long)w->host[1].fm.peak_bytes >> 10);
    for (unsigned i = 0; i < net->n; i++)
        world_say(w, "link %u carried %.1f MB", i, (double)w->net.links[i].dir[0].carried * 1e-6);
    if (got < net->at_least * sum)
        world_fail(w, "goodput is only %.3f of the sum", got / sum);
}

#define NET(name)                                                                                  \
    static void setup_##name(struct world *w)                                                      \
    {                                                                                              \
        setup(w, name.paths, name.n);                                                              \
    }                                                                                              \
    static void check_##name(struct world *w)                                                      \
    {                                                                                              \
        check(w, &name);                                                                           \
    }

NET(twin)
NET(wifi_lte)
NET(lan_sat)
NET(triple)
NET(bloated)
NET(lossy)
NET(dsl_lte)

/* A path with a long way pauses for a second and begins again; the other one has a short queue. */
static const struct path resume_paths[] = {{100, 5, 60, 0}, {20, 50, 500, 0}};
static mps_time_t stall_then;
static uint64_t reinjected_before;

static void step_slow_path(struct world *w, unsigned backup)
{
    host_add_addr(&w->host[0], 1, false, backup);
    w->host[1].longest_stall = 0;
    host_service(&w->host[0]);
    reinjected_before = w->host[0].reinjected;
}

/* What is set aside for the fast path is neither sent nor repeated. */
static void step_account(struct world *w, unsigned arg)
{
    struct mps_subflow_info subflows[MPS_MAX_SUBFLOWS];
    unsigned n = mps_conn_subflow_info(w->host[0].conn, subflows, MPS_MAX_SUBFLOWS);
    uint64_t carried = 0;
    struct mps_conn_info info;

    (void)arg;
    mps_conn_info(w->host[0].conn, &info);
    for (unsigned i = 0; i < n; i++)
        carried += subflows[i].bytes_sent;
    if (info.bytes_sent > carried + 65536)
        world_fail(w, "%llu bytes count as sent, the subflows carried %llu",
                   (unsigned long long)info.bytes_sent, (unsigned long long)carried);
    if (info.bytes_reinjected > reinjected_before + 65536)
        world_fail(w, "first sendings count as repetitions");
}

static void step_note_stall(struct world *w, unsigned arg)
{
    (void)arg;
    stall_then = w->host[1].longest_stall;
}

static void setup_resume(struct world *w)
{
    setup(w, resume_paths, 2);
    w->host[0].cfg.fairness = MPS_FAIR_OFF;
    stall_then = MPS_NEVER;
    world_at(w, 3 * MPS_SEC, step_slow_path, true);
    world_at(w, 4 * MPS_SEC, step_slow_path, false);
    world_at(w, 4010 * MPS_MSEC, step_account, 0);
    world_at(w, 4090 * MPS_MSEC, step_note_stall, 0);
    world_at(w, 4090 * MPS_MSEC, step_account, 0);
}

static void check_resume(struct world *w)
{
    printf("%s: longest stall %.1f ms\n", w->name, (double)stall_then / MPS_MSEC);
    if (stall_then > 15 * MPS_MSEC)
        world_fail(w, "the stream stood still when the path began again");
}

/*
 * A narrow path with a long way beside a wider one: its data need others to be at hand meanwhile.
 */
static const struct path narrow_paths[] = {{8, 10, 80, 0}, {2, 75, 37, 0}};

static void step_forget_stall(struct world *w, unsigned arg)
{
    (void)arg;
    w->host[1].longest_stall = 0;
}

static void setup_narrow(struct world *w)
{
    setup(w, narrow_paths, 2);
    w->host[1].cfg.rcv_buf_max = 512 << 10;
    stall_then = MPS_NEVER;
    world_at(w, 2400 * MPS_MSEC, step_forget_stall, 0);
    world_at(w, 7 * MPS_SEC, step_note_stall, 0);
}

/* 31 ms are the narrow path's repair of what its queue dropped, with any send buffer. */
static void check_narrow(struct world *w)
{
    printf("%s: longest stall %.1f ms\n", w->name, (double)stall_then / MPS_MSEC);
    if (stall_then > 60 * MPS_MSEC)
        world_fail(w, "the stream stood still for want of data at hand");
}

const struct scenario scenarios_rate[] = {
    {"rate-twin", "2 x 100 Mbit/s, 10 ms", setup_twin, check_twin, false},
    {"rate-wifi-lte", "100/10 + 20/100", setup_wifi_lte, check_wifi_lte, false},
    {"rate-lan-sat", "100/5 + 100/150", setup_lan_sat, check_lan_sat, false},
    {"rate-triple", "60/10 + 40/20 + 20/40", setup_triple, check_triple, false},
    {"rate-bloated", "100/10 + 10/10 with 2 MiB queue", setup_bloated, check_bloated, false},
    {"rate-lossy", "2 x 100/10, 1 % loss on one", setup_lossy, check_lossy, false},
    {"rate-dsl-lte", "100/5 + 20/50", setup_dsl_lte, check_dsl_lte, false},
    {"rate-resume", "100/5 + 20/50, which pauses for a second", setup_resume, check_resume, false},
    {"rate-narrow", "8/10 + 2/75, a window of 512 KiB", setup_narrow, check_narrow, false},
    {NULL, NULL, NULL, NULL, false},
};
