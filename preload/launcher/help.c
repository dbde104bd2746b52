/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "launcher.h"

static const struct {
    const char *command, *usage, *text;
} pages[] = {
    {"run", "mptcpshim run [OPTION...] [--] PROGRAM [ARGUMENT...]\n",
     "run: the TCP connections of PROGRAM and its children use several paths where the\n"
     "peer runs mptcpshim too, and are plain TCP elsewhere.\n"
     "  --local ADDR[,ADDR...]  use exactly these local addresses (default: all that are up)\n"
     "  --scheduler NAME        which path gets the next bytes\n"
     "  --fairness MODE         off, auto or strict: subflows at one bottleneck share one share\n"
     "  --checksum MODE         auto, on or off: find bytes that a box on the way changed\n"
     "  --max-subflows N        paths per connection at most\n"
     "  --keepalive S           seconds of silence after which a path is asked, 0: never\n"
     "  --no-subflow-timeout S  seconds that a connection waits for a path when it has none\n"
     "  --memory MIB            of the agent, above which buffers become small\n"
     "  --threads N             of the agent, over which connections are spread\n"
     "  --join-port N[-M]       port for joins where the program's own cannot be shared\n"
     "  --remember-peers YES|NO whether later runs know the peers of this one\n"
     "  --log FILE              the agent's log, for debugging\n"
     "  --config FILE           instead of the system's and the user's mptcpshim.conf\n"
     "Exit status: that of PROGRAM; 125 mptcpshim failed, 126 PROGRAM cannot be executed,\n"
     "127 PROGRAM not found.\n"},
    {"status", "mptcpshim status [--json]\n",
     "status: the connections of all agents in this network namespace.\n"
     "Exit status: 0; 3 an agent does not answer, 125 failure.\n"},
    {"monitor", "mptcpshim monitor [--json]\n",
     "monitor: one line for each event of theirs, until it is interrupted.\n"
     "Exit status: 0; 3 an agent did not answer, 125 failure.\n"},
    {"path",
     "mptcpshim path list [--json]\n"
     "mptcpshim path [--agent ID] add|del|set ADDRESS|INTERFACE [backup=yes|no]\n"
     "          [weight=N]\n",
     "path: the local addresses that connections use; changes go for running and new ones.\n"
     "Exit status: 0; 3 an agent does not answer, 125 nothing was done.\n"},
    {"set", "mptcpshim set TOKEN scheduler=NAME\n",
     "set: another scheduler for a running connection; the token is in status --json.\n"
     "Exit status: 0; 3 an agent does not answer, 125 nothing was done.\n"},
    {"check-config", "mptcpshim check-config [FILE] [--json]\n",
     "check-config: what is wrong in FILE, or in the files that run would use.\n"
     "Exit status: 0 nothing, 1 something, 125 failure.\n"},
};

#define N_PAGES (sizeof(pages) / sizeof(pages[0]))

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

bool mps_launcher_help(const char *command)
{
    bool all = *command == '\0', found = all;

    for (size_t i = 0; i < N_PAGES; i++) {
        if (all || strcmp(command, pages[i].command) == 0) {
            print_usage(pages[i].usage, i == 0 || !all);
            found = true;
        }
    }
    if (all)
        print_usage("mptcpshim help [COMMAND] | --help | --version; each command knows --help\n",
                    false);
    for (size_t i = 0; i < N_PAGES; i++) {
        if (all || strcmp(command, pages[i].command) == 0)
            printf("\n%s", pages[i].text);
    }
    if (found)
        fputs("\nSee mptcpshim(1).\n", stdout);
    return found;
}
