/* SPDX-License-Identifier: MIT */
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "agents.h"
#include "core/conn/info_list.h"
#include "launcher.h"
#include "output.h"

static const char *text(struct json_object *o, const char *key)
{
    struct json_object *v;
    const char *value = NULL;

    if (json_object_object_get_ex(o, key, &v))
        value = json_object_get_string(v);
    return value ? value : "?"; /* there may be a null */
}

static double number(struct json_object *o, const char *key)
{
    struct json_object *v;

    return json_object_object_get_ex(o, key, &v) ? json_object_get_double(v) : 0;
}

static bool flag(struct json_object *o, const char *key)
{
    struct json_object *v;

    return json_object_object_get_ex(o, key, &v) && json_object_get_boolean(v);
}

/* "12.3 MB" in out. */
static const char *amount(double value, const char *unit, char out[32])
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T"};
    int i = 0;

    while (value >= 1000 && i < 4) {
        value /= 1000;
        i++;
    }
    snprintf(out, 32, i > 0 ? "%.1f %s%s" : "%.0f %s%s", value, prefixes[i], unit);
    return out;
}

static const char *colour(bool enabled, const char *mode)
{
    if (!enabled)
        return "";
    return strcmp(mode, "multipath") == 0 ? "\033[32m" : "\033[33m";
}

/* ---- the rows of info_list.h that are in the text ---- */

enum format {
    BYTES,
    BITS, /* of bytes per second */
    MS,   /* of microseconds */
};

struct shown {
    const char *member;
    int place; /* 0: a word where it is true; from 1: of the amount in the line; -1: not shown */
    const char *word;
    enum format format;
};

#define AT(n, word, format)                  n, word, format
#define WORD                                 0, NULL, BYTES
#define NONE                                 -1, NULL, BYTES
#define ROW(kind, name, value, library, ...) {#name, __VA_ARGS__},

static const struct shown of_connection[] = {MPS_CONN_FIELDS(ROW)};
static const struct shown of_subflow[] = {MPS_SUBFLOW_FIELDS(ROW)};

static void print_words(struct json_object *o, const struct shown *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].place == 0 && flag(o, rows[i].member))
            mps_print(", %s", rows[i].member);
    }
}

static void print_amount(const struct shown *row, double value)
{
    char text_of[32];

    switch (row->format) {
    case BYTES:
        mps_print("  %s %s", row->word, amount(value, "B", text_of));
        break;
    case BITS:
        mps_print("  %s %s", row->word, amount(value * 8, "bit/s", text_of));
        break;
    case MS:
        mps_print("  %s %.1f ms", row->word, value / 1000);
        break;
    }
}

static void print_amounts(struct json_object *o, const struct shown *rows, size_t n)
{
    for (int place = 1; place <= (int)n; place++) {
        for (size_t i = 0; i < n; i++) {
            if (rows[i].place == place)
                print_amount(&rows[i], number(o, rows[i].member));
        }
    }
    mps_print("\n");
}

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- lines ---- */

/* What subflows between these addresses have carried that have ended. */
static void print_ended(struct json_object *path)
{
    char sent[32], received[32];

    mps_print("    %s -> %s  ended (%.0f)  sent %s  received %s\n",
              *text(path, "local") ? text(path, "local") : "others",
              *text(path, "remote") ? text(path, "remote") : "others", number(path, "count"),
              amount(number(path, "bytes_sent"), "B", sent),
              amount(number(path, "bytes_received"), "B", received));
}

static void print_subflow(struct json_object *subflow)
{
    mps_print("    %s -> %s  %s", text(subflow, "local"), text(subflow, "remote"),
              text(subflow, "state"));
    print_words(subflow, of_subflow, COUNT(of_subflow));
    print_amounts(subflow, of_subflow, COUNT(of_subflow));
}

static void print_each(struct json_object *o, const char *key,
                       void (*print)(struct json_object *item))
{
    struct json_object *list;

    if (!json_object_object_get_ex(o, key, &list) || !json_object_is_type(list, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        print(json_object_array_get_idx(list, i));
}

static void print_connection(struct json_object *connection, bool colours)
{
    const char *mode = text(connection, "mode");
    char memory[32];

    mps_print("%s -> %s  ", text(connection, "local"), text(connection, "remote"));
    fputs(colour(colours, mode), stdout);
    mps_print("%s", mode);
    fputs(colours ? "\033[0m" : "", stdout);
    if (json_object_object_get_ex(connection, "reason", NULL))
        mps_print(" (%s)", text(connection, "reason"));
    mps_print("  process %s", text(connection, "process"));
    mps_print("  memory %s", amount(number(connection, "memory_used"), "B", memory));
    print_amounts(connection, of_connection, COUNT(of_connection));
    print_each(connection, "subflows", print_subflow);
    print_each(connection, "ended", print_ended);
}

/* ---- those that never came to an agent ---- */

static bool is_counted(struct json_object *o)
{
    return strcmp(text(o, "state"), "counted") == 0;
}

/* One line for each agent and role: all of their counts that follow one another. Returns the next.
 */
static size_t print_counts(struct json_object *all, size_t i)
{
    size_t n = json_object_array_length(all), end = i;
    struct json_object *first = json_object_array_get_idx(all, i), *o = first;
    double sum = 0;

    while (o && is_counted(o) && strcmp(text(o, "agent"), text(first, "agent")) == 0 &&
           strcmp(text(o, "role"), text(first, "role")) == 0) {
        sum += number(o, "count");
        o = ++end < n ? json_object_array_get_idx(all, end) : NULL;
    }
    mps_print("agent %s: plain TCP as %s: %.0f (", text(first, "agent"), text(first, "role"), sum);
    for (size_t k = i; k < end; k++) {
        o = json_object_array_get_idx(all, k);
        mps_print("%s%s %.0f", k > i ? ", " : "", text(o, "reason"), number(o, "count"));
    }
    mps_print(")\n");
    return end;
}

static bool is_left_out(struct json_object *o)
{
    return strcmp(text(o, "state"), "left-out") == 0;
}

static void print_left_out(struct json_object *o)
{
    mps_print("agent %s: %.0f addresses of this host are not used, there are more than it has "
              "places for;\n  keep some out by exclude-interfaces, see mptcpshim.conf(5)\n",
              text(o, "agent"), number(o, "count"));
}

static bool is_memory(struct json_object *o)
{
    return strcmp(text(o, "state"), "memory") == 0;
}

static void print_peer(struct json_object *peer)
{
    char used[32], promised[32];

    mps_print("    peer %s: %s used, %s promised, %.0f connections\n", text(peer, "address"),
              amount(number(peer, "memory_used"), "B", used),
              amount(number(peer, "memory_promised"), "B", promised), number(peer, "connections"));
}

static void print_memory(struct json_object *o)
{
    char used[32], promised[32], limit[32];

    mps_print("agent %s: memory: %s used, %s promised, of %s; %.0f connections were refused for "
              "lack of it\n",
              text(o, "agent"), amount(number(o, "memory_used"), "B", used),
              amount(number(o, "memory_promised"), "B", promised),
              amount(number(o, "memory_limit"), "B", limit), number(o, "count"));
    print_each(o, "peers", print_peer);
}

static void print_table(struct json_object *all, const struct mps_agents *agents)
{
    bool colours = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    size_t n = json_object_array_length(all), listed = 0, counted = 0;

    for (size_t i = 0; i < n; i++) {
        struct json_object *o = json_object_array_get_idx(all, i);

        if (is_counted(o)) {
            counted++;
        } else if (!is_left_out(o) && !is_memory(o)) {
            print_connection(o, colours);
            listed++;
        }
    }
    if (counted > 0 && listed == 0)
        fputs("No connections now that an agent carries. Since the programs started, so many were\n"
              "plain TCP, for the reasons that mptcpshim(1) explains:\n",
              stdout);
    for (size_t i = 0; i < n;) {
        if (is_counted(json_object_array_get_idx(all, i)))
            i = print_counts(all, i);
        else
            i++;
    }
    for (size_t i = 0; i < n; i++) {
        struct json_object *o = json_object_array_get_idx(all, i);

        if (is_left_out(o))
            print_left_out(o);
        if (is_memory(o))
            print_memory(o);
    }
    if (counted + listed > 0)
        return;
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

int mps_launcher_status(int argc, char **argv)
{
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    struct mps_agents *agents;
    struct json_object *all;
    int code;

    if (argc > 1 && !json) {
        mps_launcher_complain("status: no option '%s'; try 'mptcpshim status --help'", argv[1]);
        return MPS_EXIT_FAILURE;
    }
    agents = mps_agents_ask(MPS_HO_STATUS, NULL, NULL);
    all = agents ? mps_agents_json(agents) : NULL;
    code = all ? mps_agents_complain(agents, "status") : MPS_EXIT_FAILURE;
    if (all && json)
        mps_print_json(all);
    else if (all && (code == 0 || json_object_array_length(all) > 0))
        print_table(all, agents);
    json_object_put(all);
    mps_agents_free(agents);
    return code;
}
