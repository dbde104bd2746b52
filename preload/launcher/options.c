/* SPDX-License-Identifier: MIT */
#include "options.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "config/keys.h"
#include "host.h"
#include "launcher.h"

static const struct option known[] = {
    {"local", required_argument, NULL, 0},
    {"scheduler", required_argument, NULL, 0},
    {"fairness", required_argument, NULL, 0},
    {"checksum", required_argument, NULL, 0},
    {"max-subflows", required_argument, NULL, 0},
    {"memory", required_argument, NULL, 0},
    {"threads", required_argument, NULL, 0},
    {"join-port", required_argument, NULL, 0},
    {"keepalive", required_argument, NULL, 0},
    {"no-subflow-timeout", required_argument, NULL, 0},
    {"remember-peers", required_argument, NULL, 0},
    {"log", required_argument, NULL, 'l'},
    {"config", required_argument, NULL, 'c'},
    {NULL, 0, NULL, 0},
};

bool mps_run_options_add(struct mps_run_options *options, const char *key, const char *value)
{
    size_t used = strlen(options->words), room = sizeof(options->words) - used;
    int n;

    for (const char *p = value; *p; p++)
        if (isspace((unsigned char)*p))
            return false;
    n = snprintf(options->words + used, room, "%s%s=%s", used > 0 ? " " : "", key, value);
    if (n > 0 && (size_t)n < room)
        return true;
    options->words[used] = '\0';
    return false;
}

/* An address that is not there is a mistake at a command line; in a file it may come later. */
static bool check_locals(const struct mps_options *options)
{
    char text[INET6_ADDRSTRLEN] = "", have[512];

    for (unsigned i = 0; i < options->n_locals; i++) {
        const struct mps_addr *addr = &options->locals[i];

        if (mps_host_has(addr))
            continue;
        inet_ntop(addr->family == MPS_AF_INET ? AF_INET : AF_INET6, addr->ip, text, sizeof(text));
        mps_host_addresses(have, sizeof(have));
        mps_launcher_complain("--local: this host has no address %s; it has %s", text, have);
        return false;
    }
    return true;
}

static bool check_log(const char *file)
{
    const char *why = mps_host_log_refusal(file);

    if (why)
        mps_launcher_complain("--log: %s: %s", file, why);
    return why == NULL;
}

/* As the agent, which will take it, sees it. */
static bool check(const char *option, const char *key, const char *value)
{
    static struct mps_options scratch;
    char copy[MPS_OPTIONS_WORD];
    const char *why = "too long";

    if (strlen(value) < sizeof(copy)) {
        memcpy(copy, value, strlen(value) + 1);
        mps_options_init(&scratch);
        why = mps_options_set(&scratch, key, copy);
    }
    if (why)
        mps_launcher_complain("--%s: '%s': %s; allowed: %s", option, value, why,
                              mps_key_option_allowed(key));
    if (!why && strcmp(option, "local") == 0)
        return check_locals(&scratch);
    return why == NULL;
}

static bool take(struct mps_run_options *options, int option, const char *name, const char *value)
{
    const char *key = option == 'l' ? "verbose" : name;
    char path[PATH_MAX];

    if (option == 'c') {
        options->config = value;
        return true;
    }
    /* The agent runs in the root directory. */
    if (option == 'l' && value[0] != '/' && *value && mps_launcher_absolute(value, path))
        value = path;
    if (*value && !check(name, key, value))
        return false;
    if (option == 'l' && *value && !check_log(value))
        return false;
    if (*value && mps_run_options_add(options, key, value))
        return true;
    mps_launcher_complain("--%s: '%s' is not valid: empty, with blanks or too long", name, value);
    return false;
}

int mps_run_options_parse(int argc, char **argv, struct mps_run_options *ret)
{
    int option, which = 0;

    ret->words[0] = '\0';
    ret->config = NULL;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:", known, &which)) != -1) {
        if (option == '?' || option == ':') {
            mps_launcher_complain(option == '?' ? "run: no option '%s'; try 'mptcpshim run --help'"
                                                : "run: option '%s' needs a value",
                                  argv[optind - 1]);
            return MPS_EXIT_FAILURE;
        }
        if (!take(ret, option, known[which].name, optarg))
            return MPS_EXIT_FAILURE;
    }
    if (optind >= argc) {
        mps_launcher_complain("run: which program? Try 'mptcpshim run --help'");
        return MPS_EXIT_FAILURE;
    }
    ret->program = argv + optind;
    return 0;
}
