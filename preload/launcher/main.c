/* SPDX-License-Identifier: MIT */
#include "launcher.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "Usage: mptcpshim run [OPTION...] [--] PROGRAM [ARGUMENT...]\n"
    "       mptcpshim status [--json]\n"
    "       mptcpshim monitor [--json]\n"
    "       mptcpshim path list [--json]\n"
    "       mptcpshim path [--agent ID] add|del|set ADDRESS|INTERFACE [backup=yes|no]\n"
    "                 [weight=N]\n"
    "       mptcpshim set TOKEN scheduler=NAME\n"
    "       mptcpshim check-config [FILE] [--json]\n"
    "       mptcpshim help | --version; each command knows --help\n"
    "\n"
    "run: the TCP connections of PROGRAM and its children use several paths where the\n"
    "peer runs mptcpshim too, and are plain TCP elsewhere.\n"
    "  --local ADDR[,ADDR...]  use exactly these local addresses (default: all that are up)\n"
    "  --scheduler NAME        which path gets the next bytes\n"
    "  --fairness MODE         off, auto or strict: subflows at one bottleneck share one share\n"
    "  --max-subflows N        paths per connection at most\n"
    "  --keepalive S           seconds of silence after which a path is asked, 0: never\n"
    "  --no-subflow-timeout S  seconds that a connection waits for a path when it has none\n"
    "  --memory MIB            of the agent, above which buffers become small\n"
    "  --threads N             of the agent, over which connections are spread\n"
    "  --join-port N[-M]       port for joins where the program's own cannot be shared\n"
    "  --remember-peers YES|NO whether later runs know the peers of this one\n"
    "  --log FILE              the agent's log, for debugging\n"
    "  --config FILE           instead of the system's and the user's mptcpshim.conf\n"
    "\n"
    "status: the connections of all agents in this network namespace.\n"
    "monitor: one line for each event of theirs, until it is interrupted.\n"
    "path: the local addresses that connections use; changes go for running and new ones.\n"
    "set: another scheduler for a running connection; the token is in status --json.\n"
    "check-config: what is wrong in FILE, or in the files that run would use.\n"
    "\n"
    "Exit status of run: that of PROGRAM; 125 mptcpshim failed, 126 PROGRAM cannot be\n"
    "executed, 127 PROGRAM not found. See mptcpshim(1).\n";

void mps_launcher_complain(const char *format, ...)
{
    va_list ap;

    fputs("mptcpshim: ", stderr);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", mps_launcher_run},         {"status", mps_launcher_status},
    {"monitor", mps_launcher_monitor}, {"path", mps_launcher_path},
    {"set", mps_launcher_set},         {"check-config", mps_launcher_check_config},
};

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int help(void)
{
    return fputs(usage, stdout) < 0 || fflush(stdout) != 0 ? MPS_EXIT_FAILURE : 0;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(command, commands[i].name) != 0)
            continue;
        return argc > 2 && asks_for_help(argv[2]) ? help() : commands[i].run(argc - 1, argv + 1);
    }
    if (strcmp(command, "help") == 0 || asks_for_help(command))
        return help();
    if (strcmp(command, "--version") == 0)
        return printf("mptcpshim %s\n", MPS_PROJECT_VERSION) < 0 ? MPS_EXIT_FAILURE : 0;
    if (*command)
        mps_launcher_complain("no subcommand '%s'; try 'mptcpshim help'", command);
    else
        fputs(usage, stderr);
    return MPS_EXIT_FAILURE;
}
