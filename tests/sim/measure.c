/* SPDX-License-Identifier: MIT */
/*
 * What a connection reaches in the simulator. A run depends on its seed alone, so that two builds,
 * or one with a part taken out (tests/bench/ablate.py), compare seed by seed.
 *   measure [--seeds N] [--first SEED] [--rows NAME,...]
 *           [--record NAME LINK LINK...]   LINK: FILE,STEP_MS,DELAY_MS,QUEUE_KB
 * A FILE has one rate in Mbit/s per line. Every line of output is ROW SEED METRIC VALUE:
 *   part     of the sum of the links' rates, after the first three seconds (links), or from the start
 *   gap      ms, the longest time without a byte
 *   end      ms from the last write to the last byte
 *   dup      percent repeated
 *   p50, p99 ms for a block of 64 KiB or 1 MiB
 *   ratio    of the connection's rate to a rival's, second half
 *   rests    percent of the time that a subflow rested (a second or longer); found: s, when first
 */
#include <stdlib.h>
#include <string.h>
#include "measure.h"

#define RECORD_MAX 4096

void measure_say(const struct measure_row *row, uint64_t seed, const char *metric, double value)
{
    printf("%s\t%llu\t%s\t%.4f\n", row->name, (unsigned long long)seed, metric, value);
}

/* 95 to 105 percent. */
static double about(struct world *w, double x)
{
    return x * (double)prng_range(&w->rng, 950, 1050) / 1000;
}

void measure_world(struct world *w, const struct measure_row *row, uint64_t seed)
{
    world_init(w, row->name, seed, false);
    w->host[1].app.p.unchecked = true;
    for (unsigned i = 0; i < row->n_links; i++) {
        const struct measure_link *l = &row->links[i];
        struct simlink_params p = {
            .rate = (uint64_t)about(w, l->mbit * 125000),
            .delay = (mps_time_t)about(w, (double)(l->delay_ms * MPS_MSEC)),
            .queue = (uint64_t)about(w, l->queue_kb * 1024.0),
            .loss_ppm = l->loss_permille * 1000,
        };

        simnet_add_link(&w->net, &p);
        w->net.links[i].dir[0].p.record = l->record;
    }
    if (row->share > 0)
        simnet_share(&w->net, row->share, 0);
    if (row->rcv_buf > 0)
        w->host[1].cfg.rcv_buf_max = row->rcv_buf;
    w->limit = (row->seconds + 300) * MPS_SEC;
}

static bool wanted(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *p = list; p != NULL; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        if (strncmp(p, name, len) == 0 && (p[len] == ',' || p[len] == '\0'))
            return true;
    }
    return list == NULL;
}

static void run_links(const struct measure_row *row, uint64_t seed)
{
    measure_bulk(row, seed);
    measure_blocks(row, seed, 65536);
    measure_blocks(row, seed, 1 << 20);
}

/* A link that follows FILE,STEP_MS,DELAY_MS,QUEUE_KB; false: that cannot be read. */
static bool load(char *text, struct measure_link *ret)
{
    struct simlink_record *record = calloc(1, sizeof(*record));
    uint64_t *bytes = calloc(RECORD_MAX, sizeof(*bytes)), sum = 0;
    unsigned step, delay, queue;
    char *rest = strchr(text, ',');
    double rate;
    FILE *file;

    if (!record || !bytes || !rest || sscanf(rest, ",%u,%u,%u", &step, &delay, &queue) != 3)
        return false;
    *rest = '\0';
    file = fopen(text, "r");
    if (!file)
        return false;
    while (record->n < RECORD_MAX && fscanf(file, "%lf", &rate) == 1) {
        bytes[record->n] = (uint64_t)((rate < 0.05 ? 0 : rate) * 125 * step);
        sum += bytes[record->n++];
    }
    fclose(file);
    record->bytes = bytes;
    record->step = step * MPS_MSEC;
    *ret = (struct measure_link){
        .mbit = sum > 0 ? (double)sum / record->n / step / 125 : 0,
        .delay_ms = delay,
        .queue_kb = queue,
        .record = record,
    };
    return sum > 0;
}

static int run_record(char **argv, int argc, uint64_t seeds)
{
    struct measure_row row = {.name = argv[0], .seconds = 60};

    for (int i = 1; i < argc; i++) {
        if (row.n_links == MEASURE_LINKS || !load(argv[i], &row.links[row.n_links++])) {
            fprintf(stderr, "%s: no record of a link\n", argv[i]);
            return 1;
        }
    }
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        run_links(&row, seed);
        row.seconds = 60;
        measure_shares(&row, seed);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *rows = NULL;
    uint64_t seeds = 5, first = 1;

    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--seeds") == 0) {
            seeds = strtoull(argv[++i], NULL, 0);
        } else if (i + 1 < argc && strcmp(argv[i], "--first") == 0) {
            first = strtoull(argv[++i], NULL, 0);
        } else if (i + 1 < argc && strcmp(argv[i], "--rows") == 0) {
            rows = argv[++i];
        } else if (i + 2 < argc && strcmp(argv[i], "--record") == 0) {
            return run_record(argv + i + 1, argc - i - 1, seeds);
        } else {
            fputs(
                "usage: measure [--seeds N] [--first N] [--rows NAME,...] [--record NAME LINK...]\n",
                stderr);
            return 2;
        }
    }
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        for (const struct measure_row *row = measure_links; row->name != NULL; row++) {
            if (wanted(rows, row->name))
                run_links(row, seed);
        }
        for (const struct measure_row *row = measure_fair; row->name != NULL; row++) {
            if (wanted(rows, row->name))
                measure_shares(row, seed);
        }
        fflush(stdout);
    }
    return 0;
}
