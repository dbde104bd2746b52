/* SPDX-License-Identifier: MIT */
/*
 * How much several links carry, how smoothly, how soon requests are answered, and what is repeated.
 */
#include <stdlib.h>
#include "measure.h"

#define OMIT   (3 * MPS_SEC)
#define BLOCKS 160
#define THINK  (50 * MPS_MSEC) /* between two blocks, at most */

const struct measure_row measure_links[] = {
    {"equal", {{100, 10, 500, 0, NULL}, {100, 10, 500, 0, NULL}}, 2, .seconds = 9},
    {"unlike", {{100, 5, 500, 0, NULL}, {20, 50, 200, 0, NULL}}, 2, .seconds = 9},
    {"far", {{100, 10, 500, 0, NULL}, {20, 100, 375, 0, NULL}}, 2, .seconds = 9},
    {"very-far", {{100, 5, 500, 0, NULL}, {100, 150, 2500, 0, NULL}}, 2, .seconds = 12},
    {"lossy", {{100, 10, 500, 0, NULL}, {100, 10, 500, 10, NULL}}, 2, .seconds = 9},
    {"lossy-far", {{50, 10, 250, 0, NULL}, {50, 40, 250, 10, NULL}}, 2, .seconds = 9},
    {"three",
     {{60, 10, 300, 0, NULL}, {40, 20, 300, 0, NULL}, {20, 40, 200, 0, NULL}},
     3,
     .seconds = 9},
    {"deep-queue", {{100, 10, 500, 0, NULL}, {10, 10, 2048, 0, NULL}}, 2, .seconds = 9},
    {"buffer", {{8, 10, 80, 0, NULL}, {2, 75, 37, 0, NULL}}, 2, .rcv_buf = 262144, .seconds = 20},
    {"small-buffer",
     {{50, 10, 250, 0, NULL}, {20, 50, 200, 0, NULL}},
     2,
     .rcv_buf = 262144,
     .seconds = 12},
    {"outages", {{50, 10, 250, 0, NULL}, {20, 30, 200, 0, NULL}}, 2, .off_every = 3, .seconds = 20},
    {.name = NULL},
};

/* When the writer stops, and what has happened by then. */
struct bulk {
    uint64_t omitted, read, repeated;
    mps_time_t stall;
};

static struct bulk bulk;

static void step_omit(struct world *w, unsigned arg)
{
    (void)arg;
    bulk.omitted = w->host[1].app.read;
    w->host[1].longest_stall = 0;
}

static void step_stop(struct world *w, unsigned arg)
{
    (void)arg;
    bulk.read = w->host[1].app.read;
    bulk.stall = w->host[1].longest_stall;
    w->host[0].app.p.total = w->host[0].app.written;
}

static void step_off(struct world *w, unsigned off)
{
    simlink_cut(&w->net.links[w->net.n_links - 1], off);
}

static void outages(struct world *w, const struct measure_row *row)
{
    for (unsigned s = row->off_every; row->off_every > 0 && s < row->seconds; s += row->off_every) {
        world_at(w, s * MPS_SEC, step_off, true);
        world_at(w, (s + 1) * MPS_SEC, step_off, false);
    }
}

void measure_bulk(const struct measure_row *row, uint64_t seed)
{
    static struct world w;
    struct app_params p = {
        .write_max = 65536, .read_max = 1 << 20, .unchecked = true, .total = UINT64_C(1) << 40};
    mps_time_t stop = row->seconds * MPS_SEC;
    double capacity = 0;

    measure_world(&w, row, seed);
    world_app(&w, 0, &p);
    world_at(&w, OMIT, step_omit, 0);
    world_at(&w, stop, step_stop, 0);
    outages(&w, row);
    world_start(&w);
    world_run(&w);
    for (unsigned i = 0; i < row->n_links; i++)
        capacity += row->links[i].mbit;
    measure_say(row, seed, "part",
                (double)(bulk.read - bulk.omitted) * 8e-6 / ((double)(stop - OMIT) / MPS_SEC) /
                    capacity);
    measure_say(row, seed, "gap", (double)bulk.stall / MPS_MSEC);
    measure_say(row, seed, "end",
                ((double)w.host[1].last_read_at - (double)w.start - (double)stop) / MPS_MSEC);
    measure_say(row, seed, "dup", (double)w.host[0].reinjected * 100 / (double)bulk.read);
    world_deinit(&w);
}

/* ---- blocks ---- */

static struct blocks {
    uint64_t size;
    mps_time_t issued, took[BLOCKS];
    unsigned n, count;
} blocks;

static void on_look(void *obj, const struct evq_args *args);

static void on_issue(void *obj, const struct evq_args *args)
{
    struct world *w = obj;

    (void)args;
    blocks.issued = w->net.q.now;
    w->host[0].app.p.total += blocks.size;
    host_service(&w->host[0]);
    evq_post(&w->net.q, w->net.q.now + MPS_MSEC / 2, on_look, w, (struct evq_args){0, 0, 0});
}

static void on_look(void *obj, const struct evq_args *args)
{
    struct world *w = obj;
    mps_time_t next = w->net.q.now + MPS_MSEC / 2;

    (void)args;
    if (w->host[1].app.read < w->host[0].app.p.total) {
        evq_post(&w->net.q, next, on_look, w, (struct evq_args){0, 0, 0});
        return;
    }
    blocks.took[blocks.n++] = w->host[1].last_read_at - blocks.issued;
    if (blocks.n < blocks.count) {
        evq_post(&w->net.q, next + prng_below(&w->rng, THINK), on_issue, w,
                 (struct evq_args){0, 0, 0});
        return;
    }
    w->host[0].app.p.no_fin = false;
    host_service(&w->host[0]);
}

static int by_time(const void *a, const void *b)
{
    mps_time_t x = *(const mps_time_t *)a, y = *(const mps_time_t *)b;

    return (x > y) - (x < y);
}

void measure_blocks(const struct measure_row *row, uint64_t seed, uint64_t block)
{
    static struct world w;
    struct app_params p = {
        .write_max = 65536, .read_max = 1 << 20, .unchecked = true, .no_fin = true};
    struct app_params answers = {
        .write_max = 1, .read_max = 1 << 20, .unchecked = true, .write_after_eof = true};
    const char *size = block < 1000000 ? "64k" : "1m";
    char metric[20];

    blocks = (struct blocks){.size = block, .count = block < 1000000 ? BLOCKS : BLOCKS / 4};
    measure_world(&w, row, seed);
    w.limit = 600 * MPS_SEC;
    world_app(&w, 0, &p);
    world_app(&w, 1, &answers);
    outages(&w, row);
    evq_post(&w.net.q, w.start + MPS_SEC, on_issue, &w, (struct evq_args){0, 0, 0});
    world_start(&w);
    world_run(&w);
    qsort(blocks.took, blocks.count, sizeof(blocks.took[0]), by_time);
    snprintf(metric, sizeof(metric), "p50-%s", size);
    measure_say(row, seed, metric, (double)blocks.took[blocks.count / 2] / MPS_MSEC);
    snprintf(metric, sizeof(metric), "p99-%s", size);
    measure_say(row, seed, metric, (double)blocks.took[blocks.count * 99 / 100] / MPS_MSEC);
    snprintf(metric, sizeof(metric), "dup-%s", size);
    measure_say(row, seed, metric,
                (double)w.host[0].reinjected * 100 / (double)(block * blocks.count));
    world_deinit(&w);
}
