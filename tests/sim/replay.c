/* SPDX-License-Identifier: MIT */
/*
 * Recorded links in the simulator: the loads of tests/bench/replay.sh without the noise of a
 * machine. What a way reaches depends on the recordings alone.
 *
 *   replay [--check] [--seconds S] [--load LOAD,...] [--way WAY,...] [--scheduler NAME] LINK...
 *
 * LINK: recording.h; tests/bench/replay has pairs. Loads: down, up, requests (64 KiB asked for each
 * 0.5 s), echo (100 bytes each 40 ms). Ways: one (each link alone), bulk, interactive, handover.
 * A line for each load and way:
 *   part     of what the links offered to segments of 1448 bytes, from connect() on (down, up)
 *   p50 p95 p99, worst   ms from when a request or an echo was due to its last byte
 *   outage   ms, the worst one that was due while a link was out of service; there always was one
 *            that was not, until it was answered
 *   gap      ms, the longest time without a byte (down, up)
 *   again    percent repeated, and of which cause: percent(useful percent)
 * With --check what misses its bar is marked, and the exit code is 1: part 0.95 (bulk,
 * interactive), outage 3 round trips and 100 ms (echo), again 3 percent (all but interactive's).
 */
#include <stdlib.h>
#include <string.h>
#include "config/purpose.h"
#include "core/sched/sched.h"
#include "recording.h"
#include "repeats.h"

#define LINKS_MAX   4
#define LOOK        (MPS_MSEC / 2)
#define GRACE       (2 * MPS_SEC)
#define BEGIN       MPS_SEC /* of a world's time */
#define PAYLOAD     (1448.0 / 1500.0)
#define TIMES_MAX   20000
#define SECONDS_MAX (TIMES_MAX / 25) /* echoes are the most often */

struct load {
    const char *name;
    unsigned sender; /* of most bytes: 0 the client */
    mps_time_t period;
    uint64_t question, answer;
};

static const struct load loads[] = {
    {"down", 1, 0, 0, 0},
    {"up", 0, 0, 0, 0},
    {"requests", 1, 500 * MPS_MSEC, 8, 65536},
    {"echo", 1, 40 * MPS_MSEC, 100, 100},
};

static const char *const ways[] = {"one",
#define WORD(NAME, word, scheduler) #word,
                                   MPS_PURPOSES(WORD)};

static struct {
    struct recording link[LINKS_MAX];
    unsigned n_links, only; /* only: this link alone, or n_links */
    mps_time_t seconds;
    const struct mps_sched_ops *sched;
    bool check, missed;
} pair;

static struct {
    const struct load *load;
    unsigned asked, answered, total;
    mps_time_t times[TIMES_MAX];
} series;

static mps_time_t due(unsigned i)
{
    return BEGIN + i * series.load->period;
}

static void on_look(void *obj, const struct evq_args *args)
{
    struct world *w = obj;
    struct app *client = &w->host[0].app;
    mps_time_t now = w->net.q.now;

    (void)args;
    while (series.answered < series.asked &&
           client->read >= (series.answered + 1) * series.load->answer) {
        series.times[series.answered] = now - due(series.answered);
        series.answered++;
    }
    if (series.asked < series.total && now >= due(series.asked)) {
        series.asked++;
        client->p.total += series.load->question;
        host_service(&w->host[0]);
    }
    evq_post(&w->net.q, now + LOOK, on_look, w, (struct evq_args){0, 0, 0});
}

static void prepare(struct world *w, const struct load *load, unsigned way)
{
    struct app_params p = {
        .write_max = 65536, .read_max = 1 << 20, .unchecked = true, .no_fin = true};

    world_init(w, load->name, 1, false);
    w->net.as_linux = true;
    for (unsigned i = 0; i < pair.n_links; i++) {
        unsigned n;

        if (pair.only < pair.n_links && i != pair.only)
            continue;
        n = simnet_add_link(&w->net, &pair.link[i].params);
        for (unsigned dir = 0; dir < 2; dir++)
            w->net.links[n].dir[dir].p.record = &pair.link[i].record[dir];
    }
    for (unsigned i = 0; i < 2; i++) {
        struct app_params own = p;

        if (load->period == 0 && load->sender == i)
            own.total = UINT64_C(1) << 40;
        if (load->period > 0 && i == 1) {
            own.question = load->question;
            own.answer = load->answer;
        }
        mps_purpose_apply((enum mps_purpose)(way > 0 ? way - 1 : 0), pair.sched, &w->host[i].cfg);
        world_app(w, i, &own);
    }
}

/* The ways of more than one link have bars. */
static void demand(bool met, unsigned way)
{
    if (!pair.check || met || way == 0)
        return;
    printf(" MISSED");
    pair.missed = true;
}

static int by_time(const void *a, const void *b)
{
    mps_time_t x = *(const mps_time_t *)a, y = *(const mps_time_t *)b;

    return (x > y) - (x < y);
}

static unsigned links_out(mps_time_t at)
{
    unsigned out = 0;

    for (unsigned i = 0; i < pair.n_links; i++)
        out += recording_is_out(&pair.link[i], at);
    return out;
}

/* A link was out of service when it was due, and until it was answered never each of them. */
static bool in_partial_outage(unsigned i)
{
    if (links_out(due(i)) == 0)
        return false;
    for (mps_time_t at = due(i); at <= due(i) + series.times[i]; at += 20 * MPS_MSEC) {
        if (links_out(at) == pair.n_links)
            return false;
    }
    return true;
}

static void say_times(const struct load *load, unsigned way)
{
    mps_time_t worst = 0, rtt = 0;

    for (unsigned i = 0; i < series.total; i++) {
        if (i >= series.answered)
            series.times[i] = BEGIN + pair.seconds + GRACE - due(i);
        if (series.times[i] > worst && in_partial_outage(i))
            worst = series.times[i];
    }
    qsort(series.times, series.total, sizeof(series.times[0]), by_time);
    printf("\tp50 %.0f\tp95 %.0f\tp99 %.0f\tworst %.0f\toutage %.0f",
           (double)series.times[series.total / 2] / MPS_MSEC,
           (double)series.times[series.total * 95 / 100] / MPS_MSEC,
           (double)series.times[series.total * 99 / 100] / MPS_MSEC,
           (double)series.times[series.total - 1] / MPS_MSEC, (double)worst / MPS_MSEC);
    for (unsigned i = 0; i < pair.n_links; i++) {
        if (2 * pair.link[i].params.delay > rtt)
            rtt = 2 * pair.link[i].params.delay;
    }
    demand(load->answer > load->question || worst <= 3 * rtt + 100 * MPS_MSEC, way);
}

static void say_part(const struct world *w, const struct load *load, unsigned way)
{
    const struct host *receiver = &w->host[1 - load->sender];
    mps_time_t stall = w->net.q.now - receiver->last_read_at;
    uint64_t offered = 0;
    double part;

    if (stall < receiver->longest_stall)
        stall = receiver->longest_stall;
    for (unsigned i = 0; i < pair.n_links; i++)
        offered += recording_offers(&pair.link[i], load->sender, BEGIN, BEGIN + pair.seconds);
    part = (double)receiver->app.read / ((double)offered * PAYLOAD);
    printf("\tpart %.3f\tgap %.0f", part, (double)stall / MPS_MSEC);
    demand(part >= 0.95 || way == 1 + MPS_PURPOSE_HANDOVER, way);
}

static void say_repeats(const struct world *w, const struct load *load, unsigned way)
{
    struct repeats sums = repeats_end();
    double sent = (double)w->host[load->sender].app.written / 100;

    printf("\tagain %.1f", (double)w->host[load->sender].reinjected / sent);
    for (unsigned i = 0; i < REPEATS_CAUSES; i++) {
        if (sums.bytes[i] > 0)
            printf(" %s %.2f(%.2f)", mps_cause_name((enum mps_cause)i),
                   (double)sums.bytes[i] / sent, (double)sums.useful[i] / sent);
    }
    demand((double)w->host[load->sender].reinjected <= 3 * sent ||
               way == 1 + MPS_PURPOSE_INTERACTIVE,
           way);
}

static void run(const struct load *load, unsigned way)
{
    static struct world w;
    mps_time_t end = BEGIN + pair.seconds + (load->period > 0 ? GRACE : 0);

    prepare(&w, load, way);
    repeats_watch(&w, load->sender);
    series.load = load;
    series.asked = series.answered = series.total = 0;
    if (load->period > 0) {
        series.total = (unsigned)(pair.seconds / load->period);
        evq_post(&w.net.q, BEGIN, on_look, &w, (struct evq_args){0, 0, 0});
    }
    world_start(&w);
    while (evq_step(&w.net.q, end) && !w.host[0].ended)
        ;
    for (unsigned i = 0; i < pair.n_links; i++)
        printf("%s%s", i > 0 ? "+" : "", pair.link[i].name);
    printf("\t%s\t%s", load->name, ways[way]);
    if (pair.only < pair.n_links)
        printf(" %u", pair.only + 1);
    if (load->period > 0)
        say_times(load, way);
    else
        say_part(&w, load, way);
    say_repeats(&w, load, way);
    putchar('\n');
    fflush(stdout);
    world_deinit(&w);
}

static bool listed(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *p = list; p != NULL; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        if (strncmp(p, name, len) == 0 && (p[len] == ',' || p[len] == '\0'))
            return true;
    }
    return list == NULL;
}

static void run_ways(const struct load *load, const char *wanted)
{
    for (unsigned way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
        if (!listed(wanted, ways[way]))
            continue;
        for (pair.only = way == 0 ? 0 : pair.n_links; pair.only < pair.n_links; pair.only++)
            run(load, way);
        if (way > 0)
            run(load, way);
    }
}

static bool set_seconds(const char *text)
{
    int n = atoi(text);

    pair.seconds = (mps_time_t)n * MPS_SEC;
    return n > 0 && n <= SECONDS_MAX;
}

static bool set_scheduler(const char *name)
{
    pair.sched = mps_sched_find(name);
    return pair.sched != NULL;
}

/* One argument, and `value` if that is what it takes; false: it makes no sense. */
static bool take(const char *arg, const char *value, const char **ret_loads, const char **ret_ways,
                 bool *ret_took)
{
    *ret_took = true;
    if (value && strcmp(arg, "--seconds") == 0)
        return set_seconds(value);
    if (value && strcmp(arg, "--scheduler") == 0)
        return set_scheduler(value);
    if (value && strcmp(arg, "--load") == 0) {
        *ret_loads = value;
        return true;
    }
    if (value && strcmp(arg, "--way") == 0) {
        *ret_ways = value;
        return true;
    }
    *ret_took = false;
    if (strcmp(arg, "--check") == 0) {
        pair.check = true;
        return true;
    }
    return arg[0] != '-' && pair.n_links < LINKS_MAX &&
           recording_load(arg, BEGIN, &pair.link[pair.n_links++]);
}

int main(int argc, char **argv)
{
    const char *wanted_loads = NULL, *wanted_ways = NULL;
    bool good = true, took;

    pair.seconds = 60 * MPS_SEC;
    for (int i = 1; i < argc && good; i += 1 + took)
        good = take(argv[i], argv[i + 1], &wanted_loads, &wanted_ways, &took);
    if (!good || pair.n_links == 0) {
        fprintf(stderr,
                "usage: replay [--check] [--seconds S] [--load LOAD,...] [--way WAY,...]"
                " [--scheduler NAME] LINK...\nS: 1 to %d\n",
                SECONDS_MAX);
        return 2;
    }
    for (unsigned i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        if (listed(wanted_loads, loads[i].name))
            run_ways(&loads[i], wanted_ways);
    }
    for (unsigned i = 0; i < pair.n_links; i++)
        recording_free(&pair.link[i]);
    return pair.missed;
}
