/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "config/keys.h"
#include "launcher.h"

#define COLUMN  26 /* where the text of an option begins */
#define COLUMNS 79

/* The first line of all begins with "Usage: ", the others are indented as far. */
static void print_usage(const char *lines, bool first)
{
    while (*lines) {
        size_t len = strcspn(lines, "\n") + 1;

        printf("%s%.*s", first ? "Usage: " : "       ", (int)len, lines);
        first = false;
        lines += len;
    }
}

/*
 * Where its value is one of several words, these are behind it, in a line of their own if need be.
 */
static void print_option(const struct mps_key *key)
{
    char option[64], allowed[MPS_KEY_ALLOWED];

    snprintf(option, sizeof(option), "--%s %s", key->name, key->option);
    printf("  %-*s %s", COLUMN - 3, option, key->help);
    if (!strchr(key->option, '|') && mps_key_choice(key, 0)) {
        mps_key_allowed(key, allowed);
        if (COLUMN + strlen(key->help) + 2 + strlen(allowed) <= COLUMNS)
            printf(": %s", allowed);
        else
            printf(":\n%*s%s", COLUMN, "", allowed);
    }
    putchar('\n');
}

static void print_run(void)
{
    const struct mps_key *key;

    for (unsigned i = 0; (key = mps_key_at(i)); i++) {
        if (key->option)
            print_option(key);
    }
    fputs("  --config FILE           instead of the system's and the user's mptcpshim.conf\n"
          "Exit status: that of PROGRAM; 125 mptcpshim failed, 126 PROGRAM cannot be executed,\n"
          "127 PROGRAM not found.\n",
          stdout);
}

bool mps_launcher_help(const char *command)
{
    bool all = *command == '\0', found = all;
    const struct mps_command *c;

    for (unsigned i = 0; (c = mps_launcher_command(i)); i++) {
        if (all || strcmp(command, c->name) == 0) {
            print_usage(c->usage, i == 0 || !all);
            found = true;
        }
    }
    if (all)
        print_usage("mptcpshim help [COMMAND] | --help | --version; each command knows --help\n",
                    false);
    for (unsigned i = 0; (c = mps_launcher_command(i)); i++) {
        if (!all && strcmp(command, c->name) != 0)
            continue;
        printf("\n%s", c->text);
        if (c->run == mps_launcher_run)
            print_run();
    }
    if (found)
        fputs("\nSee mptcpshim(1).\n", stdout);
    return found;
}
