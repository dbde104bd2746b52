/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "launcher.h"
#include "output.h"
#include "version.h"

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool asks_for_version(const char *word)
{
    return strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0;
}

/*
 * A closed descriptor 0, 1 or 2 would become that of a socket, and what is printed would go there.
 * Nothing can be written to this. Not for run, whose program gets them as they are.
 */
static void fill_descriptors(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDONLY);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

static int no_command(const char *word)
{
    if (*word)
        mps_launcher_complain("no subcommand '%s'; try 'mptcpshim help'", word);
    else
        mps_launcher_complain("no subcommand; try 'mptcpshim help'");
    return MPS_EXIT_FAILURE;
}

static int run_command(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    const struct mps_command *c;

    for (unsigned i = 0; (c = mps_launcher_command(i)); i++) {
        if (strcmp(command, c->name) != 0)
            continue;
        if (argc <= 2 || !asks_for_help(argv[2]))
            return c->run(argc - 1, argv + 1);
        mps_launcher_help(command);
        return 0;
    }
    if (strcmp(command, "help") == 0 && argc > 2)
        return mps_launcher_help(argv[2]) ? 0 : no_command(argv[2]);
    if (strcmp(command, "help") == 0 || asks_for_help(command)) {
        mps_launcher_help("");
        return 0;
    }
    if (asks_for_version(command)) {
        mps_print("mptcpshim %s\n", mps_launcher_version());
        return 0;
    }
    return no_command(command);
}

int main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "run") != 0)
        fill_descriptors();
    return mps_print_end(run_command(argc, argv));
}
