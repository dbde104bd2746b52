/* SPDX-License-Identifier: MIT */
#include "options.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "launcher.h"

#define SECONDS_MAX 86400

static bool is_number(const char *text, long min, long max)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && value >= min && value <= max;
}

/* N or N-M */
static bool is_ports(const char *text)
{
    char first[8];
    size_t len = strcspn(text, "-");

    if (text[len] == '\0')
        return is_number(text, 1, 65535);
    if (len >= sizeof(first))
        return false;
    memcpy(first, text, len);
    first[len] = '\0';
    return is_number(first, 1, 65535) && is_number(text + len + 1, strtol(first, NULL, 10), 65535);
}

static bool is_addresses(const char *text)
{
    char list[MPS_HO_OPTIONS_MAX], *rest = list, *item;
    struct in6_addr scratch;

    size_t len = strlen(text);

    if (len == 0 || len >= sizeof(list))
        return false;
    memcpy(list, text, len + 1);
    while ((item = strsep(&rest, ",")) != NULL)
        if (inet_pton(AF_INET, item, &scratch) != 1 && inet_pton(AF_INET6, item, &scratch) != 1)
            return false;
    return true;
}

static bool is_name(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && *text != '-' && *text != '_')
            return false;
    return true;
}

/* Append "key=value"; false if it does not fit or has blanks, which separate the words. */
static bool add_word(struct mps_run_options *options, const char *key, const char *value)
{
    size_t used = strlen(options->words), room = sizeof(options->words) - used;
    int n;

    for (const char *p = value; *p; p++)
        if (isspace((unsigned char)*p))
            return false;
    n = snprintf(options->words + used, room, "%s%s=%s", used > 0 ? " " : "", key, value);
    return n > 0 && (size_t)n < room;
}

/* The agent runs in the root directory. */
static bool add_log(struct mps_run_options *options, const char *file)
{
    char path[PATH_MAX], directory[PATH_MAX];
    int n;

    if (file[0] == '/')
        return add_word(options, "verbose", file);
    if (*file == '\0' || !getcwd(directory, sizeof(directory)))
        return false;
    n = snprintf(path, sizeof(path), "%s/%s", directory, file);
    return n > 0 && (size_t)n < sizeof(path) && add_word(options, "verbose", path);
}

/* False if the value is not valid. */
static bool take(struct mps_run_options *options, int option, const char *value)
{
    switch (option) {
    case 'l':
        return is_addresses(value) && add_word(options, "local", value);
    case 's':
        return is_name(value) && add_word(options, "scheduler", value);
    case 'm':
        return is_number(value, 1, 64) && add_word(options, "max-subflows", value);
    case 'j':
        return is_ports(value) && add_word(options, "join-port", value);
    case 'n':
        return is_number(value, 0, SECONDS_MAX) && add_word(options, "no-subflow-timeout", value);
    default:
        return add_log(options, value);
    }
}

int mps_run_options_parse(int argc, char **argv, struct mps_run_options *ret)
{
    static const struct option known[] = {
        {"local", required_argument, NULL, 'l'},
        {"scheduler", required_argument, NULL, 's'},
        {"max-subflows", required_argument, NULL, 'm'},
        {"join-port", required_argument, NULL, 'j'},
        {"log", required_argument, NULL, 'o'},
        {"no-subflow-timeout", required_argument, NULL, 'n'},
        {NULL, 0, NULL, 0},
    };
    int option, which = 0;

    ret->words[0] = '\0';
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:", known, &which)) != -1) {
        if (option == '?' || option == ':') {
            mps_launcher_complain(option == '?' ? "no option '%s'; try 'mptcpshim help'"
                                                : "option '%s' needs a value",
                                  argv[optind - 1]);
            return MPS_EXIT_FAILURE;
        }
        if (!take(ret, option, optarg)) {
            mps_launcher_complain("--%s: '%s' is not valid", known[which].name, optarg);
            return MPS_EXIT_FAILURE;
        }
    }
    if (optind >= argc) {
        mps_launcher_complain("run: which program? Try 'mptcpshim help'");
        return MPS_EXIT_FAILURE;
    }
    ret->program = argv + optind;
    return 0;
}
