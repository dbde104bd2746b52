/* SPDX-License-Identifier: MIT */
/*
 * mptcpshim check: first in a process that is not under the preload; it starts itself again by what
 * `run` does, with --here before the words. That one makes the connection, as a program.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "launcher.h"
#include "member.h"
#include "options.h"
#include "output.h"
#include "probe.h"
#include "verdict.h"

#define HERE      "--here"
#define COLUMNS   79
#define WORDS_MAX 64

/* ---- the text ---- */

/* Breaks between words; `first` begins the first line, and the others are indented as far. */
static void print_wrapped(const char *first, const char *text)
{
    size_t indent = strlen(first), column = indent;

    mps_print("%s", first);
    while (*text) {
        size_t len = strcspn(text, " ");

        if (column > indent && column + 1 + len > COLUMNS) {
            mps_print("\n");
            mps_print("%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            mps_print(" ");
            column++;
        }
        mps_print("%.*s", (int)len, text);
        column += len;
        text += len + strspn(text + len, " ");
    }
    mps_print("\n");
}

static void print_tcp(struct json_object *path)
{
    struct json_object *missing = mps_member_list(path, "missing");
    char text[512];
    int n = snprintf(
        text, sizeof(text), "round trip %.1f ms, MSS sent %d, seen %d%s",
        (double)mps_member_number(path, "rtt_us") / 1000, (int)mps_member_number(path, "mss_sent"),
        (int)mps_member_number(path, "mss_seen"),
        mps_member_flag(path, "mss_lowered") ? " (lowered on the way, or by a small MTU; no harm)"
                                             : "");

    for (size_t i = 0; missing && i < json_object_array_length(missing); i++) {
        if (n > 0 && (size_t)n < sizeof(text))
            n += snprintf(text + n, sizeof(text) - (size_t)n, "%s %s", i == 0 ? "; without" : ",",
                          json_object_get_string(json_object_array_get_idx(missing, i)));
    }
    print_wrapped("      ", text);
}

static void print_path(struct json_object *path)
{
    const char *state = mps_member_text(path, "state", ""), *remote;
    const char *reason = mps_member_text(path, "reason", "");
    const char *error = mps_member_text(path, "error", "");

    remote = mps_member_text(path, "remote", "");
    mps_print("  %s  %s%s%s  %s%s%s%s%s\n", mps_member_text(path, "interface", "?"),
              mps_member_text(path, "local", "?"), *remote ? " -> " : "", remote,
              strcmp(state, "first") == 0 ? "connected" : state, *reason ? ": " : "", reason,
              *error ? ", " : "", error);
    if (mps_member_number(path, "mss_sent") > 0)
        print_tcp(path);
}

static void print_text(struct json_object *verdict)
{
    struct json_object *paths = mps_member_list(verdict, "paths");
    struct json_object *announced = mps_member_list(verdict, "announced");
    struct json_object *advice = mps_member_list(verdict, "advice");
    const char *reason = mps_member_text(verdict, "reason", "");

    mps_print("%s, %s: %s", mps_member_text(verdict, "host", ""),
              mps_member_text(verdict, "address", ""), mps_member_text(verdict, "mode", ""));
    if (*reason)
        mps_print(" TCP (%s)\n", reason);
    else
        mps_print(", %d working %s\n", (int)mps_member_number(verdict, "working"),
                  mps_member_number(verdict, "working") == 1 ? "path" : "paths");
    for (size_t i = 0; i < json_object_array_length(paths); i++)
        print_path(json_object_array_get_idx(paths, i));
    for (size_t i = 0; i < json_object_array_length(announced); i++) {
        struct json_object *o = json_object_array_get_idx(announced, i);

        mps_print("  the peer also has %s%s: %s\n", mps_member_text(o, "address", ""),
                  mps_member_flag(o, "join_port") ? " (a join port)" : "",
                  mps_member_text(o, "state", ""));
    }
    print_wrapped("To gain: ", mps_member_text(verdict, "gain", ""));
    for (size_t i = 0; i < json_object_array_length(advice); i++)
        print_wrapped("  - ", json_object_get_string(json_object_array_get_idx(advice, i)));
}

/* ---- the command ---- */

static int check_here(bool json, const char *host, const char *port)
{
    struct mps_probe probe;
    int code = mps_probe(host, port, &probe);
    struct json_object *verdict;

    if (code == 0) {
        verdict = mps_verdict(host, &probe);
        code = mps_verdict_code(verdict);
        if (json)
            mps_print_json(verdict);
        else
            print_text(verdict);
        json_object_put(verdict);
    }
    mps_probe_free(&probe);
    return code;
}

static int usage_error(const char *what)
{
    mps_launcher_complain("check: %s; try 'mptcpshim check --help'", what);
    return MPS_EXIT_FAILURE;
}

/* getaddrinfo() takes any number. */
static bool is_port(const char *word)
{
    char *end;
    unsigned long value = strtoul(word, &end, 10);

    return *word != '-' && (*end != '\0' || (end != word && value >= 1 && value <= 65535));
}

/* The same command under the preload, started by what starts any program. */
static int check_as_program(int n_options, char **options, bool json, char **where)
{
    static char self[4096], no[] = "no", end[] = "--", again[] = "check", here[] = HERE;
    static char as_json[] = "--json", remember[] = "--remember-peers";
    char *words[WORDS_MAX + 12];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    int n = 0;

    if (len <= 0) {
        mps_launcher_complain("check: /proc/self/exe: %s", strerror(errno));
        return MPS_EXIT_FAILURE;
    }
    words[n++] = again;
    /* What is known of the peer from earlier would be found instead of what is true now. */
    words[n++] = remember;
    words[n++] = no;
    for (int i = 0; i < n_options; i++)
        words[n++] = options[i];
    words[n++] = end;
    words[n++] = self;
    words[n++] = again;
    words[n++] = here;
    if (json)
        words[n++] = as_json;
    words[n++] = where[0];
    words[n++] = where[1];
    words[n] = NULL;
    return mps_launcher_run(n, words);
}

int mps_launcher_check(int argc, char **argv)
{
    char *options[WORDS_MAX], *where[2];
    int n_options = 0, n_where = 0;
    bool json = false, here = false;

    if (argc > WORDS_MAX)
        return usage_error("too many words");
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], HERE) == 0) {
            here = true;
        } else if (mps_run_options_know(argv[i])) {
            options[n_options++] = argv[i];
            if (!strchr(argv[i], '=') && i + 1 < argc)
                options[n_options++] = argv[++i];
        } else if (argv[i][0] == '-') {
            mps_launcher_complain("check: no option '%s'; try 'mptcpshim check --help'", argv[i]);
            return MPS_EXIT_FAILURE;
        } else if (n_where < 2) {
            where[n_where++] = argv[i];
        } else {
            return usage_error("one host and one port");
        }
    }
    if (n_where < 2)
        return usage_error("which host, and which port?");
    if (!is_port(where[1])) {
        mps_launcher_complain(MPS_NO_PORT, where[1]);
        return MPS_EXIT_FAILURE;
    }
    return here ? check_here(json, where[0], where[1])
                : check_as_program(n_options, options, json, where);
}
