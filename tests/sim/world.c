/* SPDX-License-Identifier: MIT */
#include "world.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/constants.h"

/* The connection, its subflows, the overhead of data in small pieces behind a hole. */
#define MEM_FIXED (640u << 10)

void world_init(struct world *w, const char *name, uint64_t seed, bool verbose)
{
    static const struct app_params idle = {.write_max = 65536, .read_max = 1 << 20};

    memset(w, 0, sizeof(*w));
    w->name = name;
    w->seed = seed;
    w->verbose = verbose;
    prng_init(&w->rng, seed);
    simnet_init(&w->net, prng_next(&w->rng));
    w->start = w->net.q.now;
    w->limit = 60 * MPS_SEC;
    for (unsigned i = 0; i < 2; i++) {
        host_init(&w->host[i], w, i, prng_next(&w->rng));
        world_app(w, i, &idle);
    }
}

void world_deinit(struct world *w)
{
    for (unsigned i = 0; i < 2; i++)
        host_deinit(&w->host[i]);
    simnet_deinit(&w->net);
}

void world_link(struct world *w, unsigned mbit, unsigned delay_ms, unsigned queue_kb,
                unsigned loss_permille)
{
    struct simlink_params params = {
        .rate = mbit * UINT64_C(125000),
        .delay = delay_ms * MPS_MSEC,
        .queue = queue_kb * UINT64_C(1024),
        .loss_ppm = loss_permille * 1000,
    };

    simnet_add_link(&w->net, &params);
}

void world_app(struct world *w, unsigned host, const struct app_params *params)
{
    app_init(&w->host[host].app, params, w->start, prng_next(&w->rng), w->seed * 2 + host,
             w->seed * 2 + 1 - host);
}

static void run_step(void *obj, const struct evq_args *args)
{
    struct world *w = obj;
    const struct world_step *step = &w->script[args->a];

    step->fn(w, step->arg);
    for (unsigned i = 0; i < 2; i++)
        host_service(&w->host[i]);
}

void world_at(struct world *w, mps_time_t at, void (*fn)(struct world *w, unsigned arg),
              unsigned arg)
{
    if (w->n_script == WORLD_MAX_SCRIPT)
        world_fail(w, "script too long");
    w->script[w->n_script] = (struct world_step){at, fn, arg};
    evq_post(&w->net.q, w->start + at, run_step, w, (struct evq_args){w->n_script++, 0, 0});
}

/* In verbose runs the state is shown now and then. */
static void show(void *obj, const struct evq_args *args)
{
    struct world *w = obj;

    (void)args;
    world_say(w, "state:");
    for (unsigned i = 0; i < 2; i++)
        host_dump(&w->host[i], stdout);
    evq_post(&w->net.q, w->net.q.now + 5 * MPS_SEC, show, w, (struct evq_args){0, 0, 0});
}

void world_start(struct world *w)
{
    if (w->verbose)
        evq_post(&w->net.q, w->start + 5 * MPS_SEC, show, w, (struct evq_args){0, 0, 0});
    for (unsigned link = 0; link < w->net.n_links; link++)
        host_listen(&w->host[1], link);
    host_start(&w->host[0], 0);
    for (unsigned link = 0; link < w->net.n_links; link++)
        host_add_addr(&w->host[0], link, false, false);
    host_service(&w->host[0]);
}

mps_time_t world_time(const struct world *w)
{
    return w->net.q.now - w->start;
}

/* A client that aborts at once, or finds no shim, leaves a server that never had a connection. */
static bool done(const struct world *w)
{
    const struct host *client = &w->host[0], *server = &w->host[1];

    if (client->plain)
        return true;
    return client->ended && (server->ended || !server->connected);
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* I3: what the application may queue, what was granted to the peer, and a little. */
static void check_memory(struct world *w, const struct host *host)
{
    uint64_t window = host->cfg.rcv_buf_max, out = host->app.p.total;
    uint64_t bound = MEM_FIXED;

    if (window < MPS_INITIAL_CREDIT_MIN)
        window = MPS_INITIAL_CREDIT_MIN;
    bound += least(out, host->cfg.snd_buf_max);
    bound += least(w->host[1 - host->number].app.p.total, window);
    if (host->fm.peak_bytes > bound)
        world_fail(w, "host %u took %zu bytes of memory, %llu expected", host->number,
                   host->fm.peak_bytes, (unsigned long long)bound);
}

static void check_end(struct world *w, struct host *host)
{
    const struct app *app = &host->app, *peer = &w->host[1 - host->number].app;

    check_memory(w, host);

    if (host->plain || w->host[0].plain)
        return;
    if (w->must_reset && !host->reset && !app->aborted && !app->closed)
        world_fail(w, "host %u saw no reset", host->number);
    if (w->may_reset || w->must_reset)
        return;
    if (host->reset)
        world_fail(w, "host %u: reset, reason %d", host->number, (int)host->reset_reason);
    if (!app->eof || app->read != peer->p.total || app->written != app->p.total)
        world_fail(w, "host %u: not everything arrived", host->number);
}

void world_run(struct world *w)
{
    mps_time_t until = w->start + w->limit;

    while (!done(w)) {
        if (!evq_step(&w->net.q, until))
            world_fail(w, "not finished after %.3f s", (double)w->limit / MPS_SEC);
    }
    for (unsigned i = 0; i < 2; i++)
        check_end(w, &w->host[i]);
}

void world_say(struct world *w, const char *fmt, ...)
{
    va_list ap;

    if (!w->verbose)
        return;
    printf("%12.6f ", (double)world_time(w) / MPS_SEC);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

noreturn void world_fail(struct world *w, const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    fprintf(stderr, "FAILED %s at %.6f s: ", w->name, (double)world_time(w) / MPS_SEC);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    for (unsigned i = 0; i < 2; i++)
        host_dump(&w->host[i], stderr);
    for (unsigned i = 0; i < w->net.n_links; i++)
        fprintf(stderr, "  link %u:%s carried %llu and %llu bytes\n", i,
                w->net.links[i].cut ? " cut," : "",
                (unsigned long long)w->net.links[i].dir[0].carried,
                (unsigned long long)w->net.links[i].dir[1].carried);
    fprintf(stderr, "again: tests/sim/sim --scenario %s --seed %llu -v\n", w->name,
            (unsigned long long)w->seed);
    exit(1);
}
