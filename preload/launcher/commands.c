/* SPDX-License-Identifier: MIT */
/* The subcommands: from here come what runs, the help, and the completion of shells. */
#include <stddef.h>
#include "launcher.h"

static const struct mps_command commands[] = {
    {"run", mps_launcher_run, "mptcpshim run [OPTION...] [--] PROGRAM [ARGUMENT...]\n",
     "run: the TCP connections of PROGRAM and its children use several paths where the\n"
     "peer runs mptcpshim too, and are plain TCP elsewhere.\n",
     ""},
    {"status", mps_launcher_status, "mptcpshim status [--json|--openmetrics|--prometheus]\n",
     "status: the connections of all agents in this network namespace.\n"
     "Exit status: 0; 3 an agent does not answer, 125 failure.\n",
     "--json --openmetrics --prometheus"},
    {"top", mps_launcher_top,
     "mptcpshim top [--interval SECONDS] [--program NAME] [--once [--looks N]]\n",
     "top: the same live, with bars and histories of the rates; h there shows the keys.\n"
     "  --interval SECONDS  between two looks, 0.1 to 3600 (default 1)\n"
     "  --program NAME      only programs with this in their name\n"
     "  --once              one screen as text, for pipes\n"
     "  --looks N           with --once: looks before it, for histories, 1 to 120 (default 1)\n"
     "Exit status: 0; 3 with --once: an agent does not answer, 125 failure.\n",
     "--interval --program --once --looks"},
    {"monitor", mps_launcher_monitor, "mptcpshim monitor [--json]\n",
     "monitor: one line for each event of theirs, until it is interrupted.\n"
     "Exit status: 0; 3 an agent did not answer, 125 failure.\n",
     "--json"},
    {"path", mps_launcher_path,
     "mptcpshim path list [--json]\n"
     "mptcpshim path [--agent ID] add|del|set ADDRESS|INTERFACE [backup=yes|no]\n"
     "          [weight=N]\n",
     "path: the local addresses that connections use; changes go for running and new ones.\n"
     "Exit status: 0; 3 an agent does not answer, 125 nothing was done.\n",
     "list add del set --json --agent backup=yes backup=no weight="},
    {"set", mps_launcher_set, "mptcpshim set TOKEN scheduler=NAME\n",
     "set: another scheduler for a running connection; the token is in status --json.\n"
     "Exit status: 0; 3 an agent does not answer, 125 nothing was done.\n",
     ""},
    {"check", mps_launcher_check, "mptcpshim check [--json] [OPTION...] HOST PORT\n",
     "check: which paths a connection to PORT of HOST gets, what is in their way, and what\n"
     "would help. It makes a connection and sends no data; OPTION as of run.\n"
     "Exit status: 0 several paths; 1 plain TCP, 2 multipath over one path, 3 no agent\n"
     "answers, 4 no connection, 125 failure.\n",
     "--json"},
    {"check-config", mps_launcher_check_config, "mptcpshim check-config [FILE] [--json]\n",
     "check-config: what is wrong in FILE, or in the files that run would use.\n"
     "Exit status: 0 nothing, 1 something, 125 failure.\n",
     "--json FILE"},
    {"check-program", mps_launcher_check_program, "mptcpshim check-program FILE [--json]\n",
     "check-program: whether run can serve the program FILE, and if not, why.\n"
     "Exit status: 0 it can, 1 plain TCP, 125 failure, 126 and 127 as of run.\n",
     "--json FILE"},
    {"enable", mps_launcher_enable,
     "mptcpshim enable [--user] [--root DIR] [--dry-run] [OPTION...] UNIT\n",
     "enable: UNIT of systemd runs under mptcpshim from its next start on, by a drop-in that\n"
     "is written; OPTION as of run. --dry-run prints it.\n"
     "Exit status: 0; 1 it will be plain TCP, for a reason that is told, 125 failure.\n",
     "--user --root --dry-run"},
    {"disable", mps_launcher_disable, "mptcpshim disable [--user] [--root DIR] [--dry-run] UNIT\n",
     "disable: the drop-in that enable has written is removed.\n"
     "Exit status: 0; 125 failure.\n",
     "--user --root --dry-run"},
    {"bugreport", mps_launcher_bugreport,
     "mptcpshim bugreport [--hide-addresses] [--force] [FILE]\n",
     "bugreport: what others have to know of this host, in one file, without secrets.\n"
     "Exit status: 0; 3 an agent does not answer, which the file says, 125 failure.\n",
     "--hide-addresses --force FILE"},
    {"completions", mps_launcher_completions, "mptcpshim completions bash|zsh|fish\n",
     "completions: how that shell completes command lines of mptcpshim, to be sourced.\n"
     "Exit status: 0; 125 failure.\n",
     "bash zsh fish"},
};

const struct mps_command *mps_launcher_command(unsigned i)
{
    return i < sizeof(commands) / sizeof(commands[0]) ? &commands[i] : NULL;
}
