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

#define OPTIONS_MAX 64

/* Those of the keys that have one, and --config; with the keys beside them. */
struct known {
    struct option options[OPTIONS_MAX];
    const struct mps_key *keys[OPTIONS_MAX];
};

static void list_options(struct known *ret)
{
    const struct mps_key *key;
    size_t n = 0;

    for (unsigned i = 0; (key = mps_key_at(i)) && n < OPTIONS_MAX - 2; i++) {
        if (!key->option)
            continue;
        ret->options[n] = (struct option){key->name, required_argument, NULL, 0};
        ret->keys[n++] = key;
    }
    ret->options[n] = (struct option){"config", required_argument, NULL, 0};
    ret->keys[n++] = NULL;
    ret->options[n] = (struct option){NULL, 0, NULL, 0};
}

bool mps_run_options_know(const char *word)
{
    size_t len = strcspn(word, "=");
    const struct mps_key *key;

    if (strncmp(word, "--", 2) != 0)
        return false;
    for (unsigned i = 0; (key = mps_key_at(i)); i++) {
        if (key->option && len == strlen(key->name) + 2 &&
            strncmp(word + 2, key->name, len - 2) == 0)
            return true;
    }
    return len == strlen("--config") && strncmp(word, "--config", len) == 0;
}

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

static bool check_file(const struct mps_key *key, const char *file)
{
    bool trace = strcmp(key->name, "trace") == 0;
    const char *why;

    if (strcmp(key->name, "psk") == 0)
        return true; /* it is read as a whole: settings.c */
    why = trace ? mps_host_trace_refusal(file) : mps_host_log_refusal(file);

    if (why)
        mps_launcher_complain("--%s: %s: %s", key->name, file, why);
    return why == NULL;
}

static bool is_file(const struct mps_key *key)
{
    return strcmp(key->name, "log") == 0 || strcmp(key->name, "trace") == 0 ||
           strcmp(key->name, "psk") == 0;
}

/* As the agent, which will take it, sees it. */
static bool check(const struct mps_key *key, const char *value)
{
    static struct mps_options scratch;
    char copy[MPS_OPTIONS_WORD], allowed[MPS_KEY_ALLOWED];
    const char *why = "too long";

    if (strlen(value) < sizeof(copy)) {
        memcpy(copy, value, strlen(value) + 1);
        mps_options_init(&scratch);
        why = mps_options_set(&scratch, key->word, copy);
    }
    if (why) {
        mps_key_allowed(key, allowed);
        mps_launcher_complain("--%s: '%s': %s; allowed: %s", key->name, value, why, allowed);
        return false;
    }
    if (strcmp(key->name, "local") == 0)
        return check_locals(&scratch);
    return !is_file(key) || check_file(key, value);
}

static bool take(struct mps_run_options *options, const struct mps_key *key, const char *value)
{
    char path[PATH_MAX];

    /* The agent runs in the root directory. */
    if (is_file(key) && value[0] != '/' && *value && mps_launcher_absolute(value, path))
        value = path;
    if (*value && !check(key, value))
        return false;
    if (*value && mps_run_options_add(options, key->word, value))
        return true;
    mps_launcher_complain("--%s: '%s' is not valid: empty, with blanks or too long", key->name,
                          value);
    return false;
}

int mps_run_options_parse(int argc, char **argv, struct mps_run_options *ret)
{
    static struct known known;
    int option, which = 0;

    ret->words[0] = '\0';
    ret->config = NULL;
    opterr = 0;
    list_options(&known);
    while ((option = getopt_long(argc, argv, "+:", known.options, &which)) != -1) {
        if (option == '?' || option == ':') {
            mps_launcher_complain(option == '?' ? "%s: no option '%s'; try 'mptcpshim %s --help'"
                                                : "%s: option '%s' needs a value",
                                  argv[0], argv[optind - 1], argv[0]);
            return MPS_EXIT_FAILURE;
        }
        if (!known.keys[which])
            ret->config = optarg;
        else if (!take(ret, known.keys[which], optarg))
            return MPS_EXIT_FAILURE;
    }
    if (optind >= argc) {
        mps_launcher_complain("run: which program? Try 'mptcpshim run --help'");
        return MPS_EXIT_FAILURE;
    }
    ret->program = argv + optind;
    return 0;
}
