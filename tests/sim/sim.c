/* SPDX-License-Identifier: MIT */
/*
 * The simulator's program.
 *   sim --list                          names of the scenarios
 *   sim --scenario NAME [--seed N] [-v] one run
 *   sim --all                           every named scenario, most with three seeds
 *   sim --random N [--seed FIRST]       N random connections
 *   sim --seconds S [--seed FIRST]      random connections for about so long
 *   ... --scenario NAME                 the same with another scenario: "paths"
 *   ... --digest                        and a digest of each run: what changes no behaviour keeps it
 *   ... --traced                        every run again with a trace, which must change nothing
 *   ... --bypass                        payloads go around the cores where they may
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "core/trace/trace.h"
#include "scenario.h"

static const struct scenario *const groups[] = {
    scenarios_basic, scenarios_failure, scenarios_opening, scenarios_rate,
    scenarios_fair,  scenarios_random,  scenarios_paths};

#define N_GROUPS (sizeof(groups) / sizeof(groups[0]))
#define N_DRAWN  2 /* the last groups: of one scenario each, for many seeds */

static bool digests, traced, bypass;

#define NAME(name, member, text, fields) text,
#define NOTHING(type, record, name)
static const char *const record_names[] = {MPS_TRACE_RECORDS(NAME, NOTHING)};

static uint64_t records[MPS_TRACE_N]; /* so many came of each kind */

static void on_record(void *user, const struct mps_trace_record *record)
{
    struct world *w = user;

    if (record->type >= MPS_TRACE_N)
        world_fail(w, "a record of no kind");
    records[record->type]++;
}

/* Returns the digest. */
static uint64_t run_once(const struct scenario *scenario, uint64_t seed, bool verbose, bool trace)
{
    static struct mps_trace taker;
    static struct world w;

    world_init(&w, scenario->name, seed, verbose);
    taker = (struct mps_trace){on_record, &w};
    for (unsigned i = 0; i < 2 && trace; i++)
        w.host[i].env.trace = &taker;
    w.digest.wanted = digests || traced;
    for (unsigned i = 0; i < 2; i++)
        w.host[i].bypass = bypass;
    scenario->setup(&w);
    if (!scenario->own_start)
        world_start(&w);
    world_run(&w);
    if (scenario->check != NULL)
        scenario->check(&w);
    world_say(&w, "done: reinjected %llu and %llu bytes, memory at most %zu and %zu",
              (unsigned long long)w.host[0].reinjected, (unsigned long long)w.host[1].reinjected,
              w.host[0].fm.peak_bytes, w.host[1].fm.peak_bytes);
    world_deinit(&w);
    return w.digest.value;
}

static void run(const struct scenario *scenario, uint64_t seed, bool verbose)
{
    uint64_t digest = run_once(scenario, seed, verbose, false);

    if (digests)
        printf("%s %" PRIu64 " %016" PRIx64 "\n", scenario->name, seed, digest);
    if (traced && run_once(scenario, seed, verbose, true) != digest) {
        fprintf(stderr, "FAILED %s, seed %" PRIu64 ": not the same with a trace\n", scenario->name,
                seed);
        exit(1);
    }
}

static void show_records(void)
{
    for (unsigned i = 0; i < MPS_TRACE_N; i++)
        printf("%12" PRIu64 " %s\n", records[i], record_names[i]);
}

static const struct scenario *find(const char *name)
{
    for (size_t g = 0; g < N_GROUPS; g++) {
        for (const struct scenario *s = groups[g]; s->name != NULL; s++) {
            if (strcmp(s->name, name) == 0)
                return s;
        }
    }
    return NULL;
}

static void list(void)
{
    for (size_t g = 0; g < N_GROUPS; g++) {
        for (const struct scenario *s = groups[g]; s->name != NULL; s++)
            printf("%-20s %s\n", s->name, s->about);
    }
}

/* One seed of three around the cores, if not all. */
static void run_all(bool verbose)
{
    bool always = bypass;

    for (size_t g = 0; g + N_DRAWN < N_GROUPS; g++) {
        for (const struct scenario *s = groups[g]; s->name != NULL; s++) {
            /* The long transfers hardly depend on the seed. */
            for (uint64_t seed = 1; seed <= (groups[g] == scenarios_rate ? 1 : 3); seed++) {
                bypass = always || seed == 2;
                run(s, seed, verbose);
            }
            printf("ok %s\n", s->name);
            fflush(stdout);
        }
    }
}

/* How many are run decides the clock or the count; what each one does, its seed alone. */
static void run_random(const struct scenario *scenario, uint64_t first, uint64_t count,
                       double seconds, bool verbose)
{
    struct timespec begin, t;
    uint64_t n = 0;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (;;) {
        clock_gettime(CLOCK_MONOTONIC, &t);
        double took = (double)(t.tv_sec - begin.tv_sec);

        took += 1e-9 * (double)(t.tv_nsec - begin.tv_nsec);
        if (n >= count || (seconds > 0 && took > seconds))
            break;
        run(scenario, first + n++, verbose);
    }
    printf("ok: %" PRIu64 " %s connections, seeds %" PRIu64 " to %" PRIu64 "\n", n, scenario->name,
           first, first + n - 1);
}

static int usage(void)
{
    fputs("usage: sim --list | --all | --scenario NAME | --random N | --seconds S\n"
          "           [--seed N] [--digest] [--traced] [--bypass] [-v]\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    const char *name = NULL;
    uint64_t seed = 1, count = 0;
    double seconds = 0;
    bool verbose = false, all = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0) {
            verbose = true;
        } else if (strcmp(argv[i], "--digest") == 0) {
            digests = true;
        } else if (strcmp(argv[i], "--traced") == 0) {
            traced = true;
        } else if (strcmp(argv[i], "--bypass") == 0) {
            bypass = true;
        } else if (strcmp(argv[i], "--all") == 0) {
            all = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            list();
            return 0;
        } else if (i + 1 == argc) {
            return usage();
        } else if (strcmp(argv[i], "--scenario") == 0) {
            name = argv[++i];
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[++i], NULL, 0);
        } else if (strcmp(argv[i], "--random") == 0) {
            count = strtoull(argv[++i], NULL, 0);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            seconds = strtod(argv[++i], NULL);
            count = UINT64_MAX;
        } else {
            return usage();
        }
    }
    if (name != NULL && find(name) == NULL)
        return usage();
    if (count > 0)
        run_random(name != NULL ? find(name) : scenarios_random, seed, count, seconds, verbose);
    else if (name != NULL)
        run(find(name), seed, verbose);
    else if (all)
        run_all(verbose);
    else
        return usage();
    if (traced)
        show_records();
    return 0;
}
