/* SPDX-License-Identifier: MIT */
/*
 * mptcpshim status: what agents say, once: a paragraph for each connection, which is as wide as the
 * terminal, or JSON, or metrics.
 */
#include <json-c/json.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "agents.h"
#include "show/amount.h"
#include "launcher.h"
#include "show/metrics.h"
#include "show/model.h"
#include "output.h"
#include "show/whose.h"

#define ITEM_MAX 256

/* ---- lines of items ---- */

/* Items stand behind each other, two blanks between, and go on in the next line where need be. */
struct line {
    size_t width, indent, column;
    size_t owed; /* blanks, if something follows */
};

static void begin(struct line *l, size_t indent)
{
    l->indent = indent;
    l->column = 0;
}

static void end(struct line *l)
{
    if (l->column > 0)
        putchar('\n');
    l->column = 0;
    l->owed = 0;
}

static void blanks(struct line *l, size_t n)
{
    printf("%*s", (int)n, "");
    l->column += n;
}

/* Where even a line of its own is too short for it, a text goes on in the next one. */
static void print_broken(struct line *l, const char *text)
{
    for (;;) {
        size_t n = mps_fitting(text, l->width - l->column);

        mps_print("%.*s", (int)n, text);
        l->column += mps_columns(text) - mps_columns(text + n);
        text += n;
        if (!*text)
            return;
        putchar('\n');
        l->column = 0;
        blanks(l, l->indent);
    }
}

static void __attribute__((format(printf, 3, 4)))
item(struct line *l, const char *colour, const char *format, ...)
{
    char text[ITEM_MAX];
    size_t columns;
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    columns = mps_columns(text);
    if (l->column > l->indent && l->column + 2 + columns > l->width)
        end(l);
    if (l->column == 0)
        blanks(l, l->indent);
    else
        blanks(l, 2);
    fputs(colour, stdout);
    print_broken(l, text);
    fputs(*colour ? "\033[0m" : "", stdout);
}

/* In a table: in so many columns. */
static void __attribute__((format(printf, 3, 4)))
cell(struct line *l, int columns, const char *format, ...)
{
    char text[ITEM_MAX];
    size_t used, wanted = (size_t)(columns < 0 ? -columns : columns);
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    used = mps_columns(text);
    blanks(l, l->column == 0 ? l->indent : l->owed);
    l->owed = 0;
    if (columns > 0 && used < wanted)
        blanks(l, wanted - used);
    mps_print("%s", text);
    l->column += used;
    if (columns < 0 && used < wanted)
        l->owed = wanted - used;
}

/* Two addresses: one item, or two where they are long. */
static void addresses(struct line *l, const char *local, const char *remote)
{
    char both[ITEM_MAX];

    if (!*local)
        local = "others";
    if (!*remote)
        remote = "others";
    snprintf(both, sizeof(both), "%s -> %s", local, remote);
    if (l->indent + mps_columns(both) <= l->width) {
        item(l, "", "%s", both);
        return;
    }
    item(l, "", "%s", local);
    item(l, "", "-> %s", remote);
}

/* ---- a path ---- */

#define STATE 10
#define RATE  12
#define SHARE 4
#define LOSS  5
#define RTT   7
/* All columns but the first one, with the blanks between. */
#define TABLE    (2 + STATE + 2 * (2 + RATE + 1 + SHARE) + 2 + LOSS + 2 + RTT)
#define NAME     15
#define NAME_MIN 8

static const char *name_of(const struct mps_seen_path *p)
{
    return *p->interface ? p->interface : "-";
}

static void print_head(struct line *l, int name)
{
    begin(l, 4);
    cell(l, -name, "PATH");
    cell(l, -(2 + STATE), "  STATE");
    cell(l, 2 + RATE + 1 + SHARE, "SENDS");
    cell(l, 2 + RATE + 1 + SHARE, "RECEIVES");
    cell(l, 2 + LOSS, "LOSS");
    cell(l, 2 + RTT, "RTT");
    end(l);
}

static void print_row(struct line *l, const struct mps_seen_conn *c, const struct mps_seen_path *p,
                      int name)
{
    char rate[MPS_AMOUNT], share[MPS_AMOUNT], loss[MPS_AMOUNT], rtt[MPS_AMOUNT];

    begin(l, 4);
    cell(l, -name, "%.*s", name, name_of(p));
    cell(l, -(2 + STATE), "  %s", p->state);
    for (int way = 0; way < MPS_WAYS && !p->ended; way++) {
        cell(l, 2 + RATE, "%s", mps_amount_rate(p->rate[way], rate));
        cell(l, 1 + SHARE, "%s", mps_amount_share(p->rate[way], c->rate[way], share));
    }
    if (!p->ended) {
        cell(l, 2 + LOSS, "%s", mps_amount_loss(p->repeated, p->segments, loss));
        cell(l, 2 + RTT, "%s", p->rtt_us > 0 ? mps_amount_delay(p->rtt_us, rtt) : "-");
    }
    end(l);
}

/* Where there is no place for a table. */
static void print_items(struct line *l, const struct mps_seen_conn *c,
                        const struct mps_seen_path *p)
{
    static const char *const ways[MPS_WAYS] = {"sends", "receives"};
    char rate[MPS_AMOUNT], share[MPS_AMOUNT], loss[MPS_AMOUNT], rtt[MPS_AMOUNT];

    begin(l, 4);
    item(l, "", "%s", name_of(p));
    item(l, "", "%s", p->state);
    for (int way = 0; way < MPS_WAYS && !p->ended; way++)
        item(l, "", "%s %s (%s)", ways[way], mps_amount_rate(p->rate[way], rate),
             mps_amount_share(p->rate[way], c->rate[way], share));
    if (!p->ended && p->segments > 0)
        item(l, "", "loss %s", mps_amount_loss(p->repeated, p->segments, loss));
    if (!p->ended && p->rtt_us > 0)
        item(l, "", "rtt %s", mps_amount_delay(p->rtt_us, rtt));
    end(l);
}

/* The line below: between which addresses, and what it has carried. */
static void print_carried(struct line *l, const struct mps_seen_conn *c,
                          const struct mps_seen_path *p)
{
    static const char *const ways[MPS_WAYS] = {"sent", "received"};
    char bytes[MPS_AMOUNT], share[MPS_AMOUNT];

    begin(l, 6);
    addresses(l, p->local, p->remote);
    for (int way = 0; way < MPS_WAYS; way++)
        if (p->bytes[way] > 0)
            item(l, "", "%s %s (%s)", ways[way], mps_amount_bytes(p->bytes[way], bytes),
                 mps_amount_share(p->bytes[way], mps_seen_carried(c, way), share));
    if (p->ended)
        item(l, "", "%llu %s", (unsigned long long)p->count,
             p->count == 1 ? "subflow" : "subflows");
    if (*p->flags)
        item(l, "", "%s", p->flags + 1);
    end(l);
}

static void print_paths(struct line *l, const struct mps_seen_conn *c)
{
    bool table = l->width >= 4 + NAME_MIN + TABLE;
    size_t name = NAME_MIN, room = table ? l->width - 4 - TABLE : 0;

    for (size_t i = 0; i < c->n_paths; i++) {
        size_t columns = mps_columns(name_of(&c->paths[i]));

        name = columns > name ? columns : name;
    }
    name = name > room ? room : name;
    name = name > NAME ? NAME : name;
    if (table && c->n_paths > 0)
        print_head(l, (int)name);
    for (size_t i = 0; i < c->n_paths; i++) {
        if (table)
            print_row(l, c, &c->paths[i], (int)name);
        else
            print_items(l, c, &c->paths[i]);
        print_carried(l, c, &c->paths[i]);
    }
}

/* ---- a connection ---- */

static const char *colour_of(bool enabled, const char *mode)
{
    if (!enabled)
        return "";
    return strcmp(mode, "multipath") == 0 ? "\033[32m" : "\033[33m";
}

static void print_waiting(struct line *l, const struct mps_seen_conn *c, bool colours)
{
    char silent[MPS_AMOUNT], left[MPS_AMOUNT];

    begin(l, 2);
    item(l, colours ? "\033[31m" : "", "no path works");
    item(l, "", "nothing heard for %s", mps_amount_time(c->silent_us, silent));
    item(l, "", "waits for another %s", mps_amount_time(c->reset_in_us, left));
    end(l);
}

static void print_connection(struct line *l, const struct mps_seen_conn *c, bool colours)
{
    char program[MPS_SEEN_PROGRAM], text[MPS_AMOUNT];

    begin(l, 0);
    item(l, "", "%s", mps_seen_program(c, program));
    addresses(l, c->local, c->remote);
    l->indent = 2;
    if (*c->reason)
        item(l, colour_of(colours, c->mode), "%s (%s)", c->mode, c->reason);
    else
        item(l, colour_of(colours, c->mode), "%s", c->mode);
    if (strcmp(c->state, "closing") == 0)
        item(l, "", "closing");
    if (*c->scheduler)
        item(l, "", "%s", c->scheduler);
    item(l, "", "%s", mps_amount_time(c->age_us, text));
    end(l);
    begin(l, 2);
    item(l, "", "sends %s", mps_amount_rate(c->rate[MPS_OUT], text));
    item(l, "", "receives %s", mps_amount_rate(c->rate[MPS_IN], text));
    item(l, "", "sent %s", mps_amount_bytes(c->bytes[MPS_OUT], text));
    item(l, "", "received %s", mps_amount_bytes(c->bytes[MPS_IN], text));
    item(l, "", "memory %s", mps_amount_bytes(c->memory, text));
    end(l);
    if (c->waits)
        print_waiting(l, c, colours);
    print_paths(l, c);
}

/* ---- what is no connection of an agent ---- */

/* A line for each agent and role: all of their counts that follow one another. Returns the next. */
static size_t print_counts(struct line *l, const struct mps_seen *seen, size_t i)
{
    const struct mps_seen_count *first = &seen->counts[i];
    unsigned long long sum = 0;
    size_t last = i;

    for (; last < seen->n_counts && strcmp(seen->counts[last].agent, first->agent) == 0 &&
           strcmp(seen->counts[last].role, first->role) == 0;
         last++)
        sum += seen->counts[last].n;
    begin(l, 0);
    item(l, "", "agent %s: plain TCP as %s: %llu", first->agent, first->role, sum);
    l->indent = 2;
    for (; i < last; i++)
        item(l, "", "%s %llu", seen->counts[i].reason, (unsigned long long)seen->counts[i].n);
    end(l);
    return last;
}

static void print_peer(struct line *l, const struct mps_seen_peer *p)
{
    char text[MPS_AMOUNT];

    begin(l, 4);
    item(l, "", "peer %s", p->address);
    item(l, "", "memory %s", mps_amount_bytes(p->used, text));
    item(l, "", "promised %s", mps_amount_bytes(p->promised, text));
    item(l, "", "%llu connection%s", (unsigned long long)p->connections,
         p->connections == 1 ? "" : "s");
    end(l);
}

static void print_agent(struct line *l, const struct mps_seen_agent *a)
{
    char text[MPS_AMOUNT];

    begin(l, 0);
    if (a->left_out > 0) {
        item(l, "", "agent %s:", a->id);
        l->indent = 2;
        item(l, "", "%llu addresses of this host are not used", (unsigned long long)a->left_out);
        item(l, "", "keep some out by exclude-interfaces, see mptcpshim.conf(5)");
        end(l);
    }
    begin(l, 0);
    if (a->has_memory) {
        item(l, "", "agent %s:", a->id);
        l->indent = 2;
        item(l, "", "memory %s", mps_amount_bytes(a->used, text));
        item(l, "", "promised %s", mps_amount_bytes(a->promised, text));
        item(l, "", "of %s", mps_amount_bytes(a->limit, text));
        if (a->refused > 0)
            item(l, "", "%llu connections were refused", (unsigned long long)a->refused);
        end(l);
        for (size_t i = 0; i < a->n_peers; i++)
            print_peer(l, &a->peers[i]);
    }
}

static void print_none(const struct mps_agents *agents)
{
    if (mps_agents_count(agents, MPS_AGENT_OK) > 0)
        fputs("No connections: programs under mptcpshim are running, and have made none.\n",
              stdout);
    else if (mps_agents_count(agents, MPS_AGENT_STRANGER) > 0)
        fputs("No connections of yours: the agents here belong to other users.\n", stdout);
    else
        fputs("No connections: nothing of yours runs under mptcpshim in this network namespace.\n"
              "Start a program with: mptcpshim run PROGRAM\n",
              stdout);
}

static void print_all(const struct mps_seen *seen, const struct mps_agents *agents)
{
    bool colours = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    struct line line = {.width = mps_terminal_width()};

    for (size_t i = 0; i < seen->n_conns; i++)
        print_connection(&line, &seen->conns[i], colours);
    if (seen->n_counts > 0 && seen->n_conns == 0)
        fputs("No connections now that an agent carries. Since the programs started, so many were\n"
              "plain TCP, for the reasons that mptcpshim(1) explains:\n",
              stdout);
    for (size_t i = 0; i < seen->n_counts;)
        i = print_counts(&line, seen, i);
    for (size_t i = 0; i < seen->n_agents; i++)
        print_agent(&line, &seen->agents[i]);
    if (seen->beyond > 0)
        mps_print("%zu more are not shown\n", seen->beyond);
    if (seen->n_conns + seen->n_counts == 0)
        print_none(agents);
}

/* ---- the command ---- */

enum form {
    TEXT,
    JSON,
    OPENMETRICS,
    PROMETHEUS,
};

static bool print(struct json_object *all, const struct mps_agents *agents, enum form form)
{
    struct mps_seen *seen;

    if (form == JSON) {
        mps_print_json(all);
        return true;
    }
    seen = mps_seen_read(all);
    if (!seen) {
        mps_launcher_complain("out of memory");
        return false;
    }
    if (form == TEXT)
        print_all(seen, agents);
    else
        mps_metrics_print(seen, form == OPENMETRICS, mps_agents_count(agents, MPS_AGENT_OK),
                          mps_agents_count(agents, MPS_AGENT_SILENT));
    mps_seen_free(seen);
    return true;
}

static int show(enum form form)
{
    struct mps_agents *agents = mps_agents_ask(MPS_HO_STATUS, NULL, NULL);
    struct json_object *all = agents ? mps_agents_json(agents) : NULL;
    int code = all ? mps_agents_complain(agents, "status") : MPS_EXIT_FAILURE;

    if (all)
        mps_whose_add(all, agents);
    /* Nothing is claimed about connections where an agent did not say anything. */
    if (all && (form != TEXT || code == 0 || json_object_array_length(all) > 0) &&
        !print(all, agents, form))
        code = MPS_EXIT_FAILURE;
    json_object_put(all);
    mps_agents_free(agents);
    return code;
}

int mps_launcher_status(int argc, char **argv)
{
    static const struct {
        const char *option;
        enum form form;
    } forms[] = {
        {"--json", JSON},
        {"--openmetrics", OPENMETRICS},
        {"--prometheus", PROMETHEUS},
    };

    if (argc == 1)
        return show(TEXT);
    for (size_t i = 0; argc == 2 && i < sizeof(forms) / sizeof(forms[0]); i++)
        if (strcmp(argv[1], forms[i].option) == 0)
            return show(forms[i].form);
    mps_launcher_complain(argc == 2 ? "status: no option '%s'; try 'mptcpshim status --help'"
                                    : "status: '%s' is too much; try 'mptcpshim status --help'",
                          argv[argc - 1]);
    return MPS_EXIT_FAILURE;
}
