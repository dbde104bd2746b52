/* SPDX-License-Identifier: MIT */
#include "metrics.h"
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "metric_list.h"
#include "model.h"

/* What a sample is of, and for which of these a metric has samples. */
enum of {
    ANSWERS, /* agents by their answer: labels answer */
    MODES,   /* labels agent, role, mode */
    COUNTS,  /* labels agent, role, reason */
    MEMORY,  /* of agents with connections: labels agent */
    AGENT,   /* labels agent */
    ABOUT,   /* connections, with all that describes them */
    CONN,    /* labels agent, connection, program */
    PATH,    /* those of CONN, and interface, local, remote: subflows and ended ones together */
    SUBFLOW, /* those of CONN, and subflow, interface, local, remote */
};

struct source {
    const struct mps_seen_agent *a;
    const struct mps_seen_conn *c;
    const struct mps_seen_path *p;
    uint64_t n;
};

struct metric {
    enum of of;
    const char *type, *name, *unit, *help;
    double (*value)(const struct source *s);
};

#define VALUE(of, type, name, unit, expression, help)                                              \
    static double value_of_##name(const struct source *s)                                          \
    {                                                                                              \
        const struct mps_seen_agent *a = s->a;                                                     \
        const struct mps_seen_conn *c = s->c;                                                      \
        const struct mps_seen_path *p = s->p;                                                      \
        uint64_t n = s->n;                                                                         \
                                                                                                   \
        (void)a, (void)c, (void)p, (void)n;                                                        \
        return (double)(expression);                                                               \
    }
MPS_METRICS(VALUE)

#define COUNTER "counter"
#define GAUGE   "gauge"
#define ROW(of, type, name, unit, expression, help)                                                \
    {of, type, "mptcpshim_" #name, unit, help, value_of_##name},
static const struct metric metrics[] = {MPS_METRICS(ROW)};

/* ---- one metric ---- */

static const char *suffix_of(const struct metric *m)
{
    return strcmp(m->type, COUNTER) == 0 ? "_total" : "";
}

/*
 * By OpenMetrics the name of a counter is without the suffix of its samples, by Prometheus' format
 * with it.
 */
static void print_head(const struct metric *m, bool openmetrics)
{
    const char *suffix = openmetrics ? "" : suffix_of(m);

    printf("# HELP %s%s %s.\n", m->name, suffix, m->help);
    printf("# TYPE %s%s %s\n", m->name, suffix, m->type);
    if (openmetrics && *m->unit)
        printf("# UNIT %s %s\n", m->name, m->unit);
}

/* The texts of the model hold no control bytes. */
static void print_label(const char *before, const char *name, const char *value)
{
    printf("%s%s=\"", before, name);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            putchar('\\');
        putchar(*value);
    }
    putchar('"');
}

static void print_value(const struct metric *m, const struct source *s)
{
    double value = m->value(s);

    if (value == floor(value))
        printf("} %.0f\n", value);
    else
        printf("} %.6f\n", value);
}

static void print_connection_labels(const struct mps_seen_conn *c)
{
    print_label("", "agent", c->agent);
    print_label(",", "connection", c->id);
    print_label(",", "program", c->program);
}

/* ---- the samples of a metric ---- */

static void print_answer(const struct metric *m, const char *answer, size_t n)
{
    printf("%s{", m->name);
    print_label("", "answers", answer);
    print_value(m, &(struct source){.n = n});
}

static void print_mode(const struct metric *m, const struct mps_seen *seen, const char *agent,
                       const char *role, const char *mode)
{
    uint64_t n = 0;

    for (size_t i = 0; i < seen->n_conns; i++) {
        const struct mps_seen_conn *c = &seen->conns[i];

        n += strcmp(c->agent, agent) == 0 && strcmp(c->role, role) == 0 &&
             strcmp(c->mode, mode) == 0;
    }
    printf("%s{", m->name);
    print_label("", "agent", agent);
    print_label(",", "role", role);
    print_label(",", "mode", mode);
    print_value(m, &(struct source){.n = n});
}

static void print_modes(const struct metric *m, const struct mps_seen *seen)
{
    static const char *const roles[] = {"client", "server"};
    static const char *const modes[] = {"multipath", "opening", "plain"};

    for (size_t i = 0; i < seen->n_agents; i++)
        for (size_t role = 0; role < 2; role++)
            for (size_t mode = 0; mode < 3; mode++)
                print_mode(m, seen, seen->agents[i].id, roles[role], modes[mode]);
}

static void print_counts(const struct metric *m, const struct mps_seen *seen)
{
    for (size_t i = 0; i < seen->n_counts; i++) {
        const struct mps_seen_count *count = &seen->counts[i];

        printf("%s%s{", m->name, suffix_of(m));
        print_label("", "agent", count->agent);
        print_label(",", "role", count->role);
        print_label(",", "reason", count->reason);
        print_value(m, &(struct source){.n = count->n});
    }
}

static void print_agents(const struct metric *m, const struct mps_seen *seen)
{
    for (size_t i = 0; i < seen->n_agents; i++) {
        const struct mps_seen_agent *a = &seen->agents[i];

        if (m->of == MEMORY && !a->has_memory)
            continue;
        printf("%s%s{", m->name, suffix_of(m));
        print_label("", "agent", a->id);
        print_value(m, &(struct source){.a = a});
    }
}

static void print_connection(const struct metric *m, const struct mps_seen_conn *c)
{
    const struct source s = {.c = c};
    char process[24];

    if (isnan(m->value(&s)))
        return;
    printf("%s%s{", m->name, suffix_of(m));
    print_connection_labels(c);
    if (m->of == ABOUT) {
        snprintf(process, sizeof(process), "%llu", (unsigned long long)c->process);
        print_label(",", "process", process);
        print_label(",", "token", c->token);
        print_label(",", "role", c->role);
        print_label(",", "mode", c->mode);
        print_label(",", "reason", c->reason);
        print_label(",", "scheduler", c->scheduler);
        print_label(",", "local", c->local);
        print_label(",", "remote", c->remote);
    }
    print_value(m, &s);
}

static void print_path(const struct metric *m, const struct mps_seen_conn *c,
                       const struct mps_seen_path *p)
{
    const struct source s = {.c = c, .p = p};
    char id[24];

    if (isnan(m->value(&s)))
        return;
    printf("%s%s{", m->name, suffix_of(m));
    print_connection_labels(c);
    if (m->of == SUBFLOW) {
        snprintf(id, sizeof(id), "%llu", (unsigned long long)p->id);
        print_label(",", "subflow", id);
    }
    print_label(",", "interface", p->interface);
    print_label(",", "local", p->local);
    print_label(",", "remote", p->remote);
    print_value(m, &s);
}

static void print_subflows(const struct metric *m, const struct mps_seen_conn *c)
{
    for (size_t i = 0; i < c->n_paths; i++)
        if (!c->paths[i].ended)
            print_path(m, c, &c->paths[i]);
}

/*
 * What a pair of addresses has carried does not fall when one of its subflows ends: those that have
 * ended count.
 */
static void print_pairs(const struct metric *m, const struct mps_seen_conn *c)
{
    struct mps_seen_path *pairs = calloc(c->n_paths + 1, sizeof(pairs[0]));
    size_t n = pairs ? mps_seen_pairs(c, pairs) : 0;

    for (size_t i = 0; i < n; i++)
        print_path(m, c, &pairs[i]);
    free(pairs);
}

static void print_connections(const struct metric *m, const struct mps_seen *seen)
{
    for (size_t i = 0; i < seen->n_conns; i++) {
        if (m->of == PATH)
            print_pairs(m, &seen->conns[i]);
        else if (m->of == SUBFLOW)
            print_subflows(m, &seen->conns[i]);
        else
            print_connection(m, &seen->conns[i]);
    }
}

void mps_metrics_print(const struct mps_seen *seen, bool openmetrics, size_t answered,
                       size_t silent)
{
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++) {
        const struct metric *m = &metrics[i];

        print_head(m, openmetrics);
        switch (m->of) {
        case ANSWERS:
            print_answer(m, "yes", answered);
            print_answer(m, "no", silent);
            break;
        case MODES:
            print_modes(m, seen);
            break;
        case COUNTS:
            print_counts(m, seen);
            break;
        case MEMORY:
        case AGENT:
            print_agents(m, seen);
            break;
        case ABOUT:
        case CONN:
        case PATH:
        case SUBFLOW:
            print_connections(m, seen);
            break;
        }
    }
    if (openmetrics)
        puts("# EOF");
}
