/* SPDX-License-Identifier: MIT */
#include "unit_wrap.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "inspect.h"
#include "places.h"

#define BLANKS       " \t"
#define STOP_SECONDS 65 /* less than this is no time for an agent's stop-timeout of 60 */
#define STOP_WRITTEN "75"

/* What precedes the program: systemd.service(5), "Command lines". */
static size_t prefix_of(const char *command)
{
    return strspn(command, "@-:+!");
}

/* The first word, without its quotes. */
static void first_word(const char *command, char ret[PATH_MAX])
{
    char quote = *command == '"' || *command == '\'' ? *command : '\0';
    size_t len = quote ? strcspn(command + 1, quote == '"' ? "\"" : "'") : strcspn(command, BLANKS);

    snprintf(ret, PATH_MAX, "%.*s", (int)len, command + (quote != '\0'));
}

static const char *behind_word(const char *command)
{
    char quote = *command == '"' || *command == '\'' ? *command : '\0';

    if (quote) {
        const char *end = strchr(command + 1, quote);

        command = end ? end + 1 : command + strlen(command);
    }
    command += strcspn(command, BLANKS);
    return command + strspn(command, BLANKS);
}

bool mps_unit_is_wrapped(const struct mps_unit *unit)
{
    const char *command = mps_unit_item(unit, "ExecStart", 0), *slash;
    char program[PATH_MAX];

    if (!command)
        return false;
    first_word(command + prefix_of(command), program);
    slash = strrchr(program, '/');
    return strcmp(slash ? slash + 1 : program, "mptcpshim") == 0;
}

/* ---- the text ---- */

/* A word that systemd reads as it is. */
static void put_word(FILE *out, const char *word)
{
    bool quoted = *word == '\0' || strpbrk(word, " \t\"'\\;$%") != NULL;

    if (quoted)
        fputc('"', out);
    for (; *word; word++) {
        if (strchr("\"\\", *word))
            fputc('\\', out);
        else if (strchr("%$", *word))
            fputc(*word, out);
        fputc(*word, out);
    }
    if (quoted)
        fputc('"', out);
}

/*
 * The command as it stands in the unit, behind ours. With '@' its second word is what the program
 * sees as its name: nobody could pass that on, so it is left out.
 */
static void put_command(FILE *out, const char *command, const char *launcher, char *const *options,
                        int n_options)
{
    size_t len = prefix_of(command);
    const char *program = command + len, *rest = behind_word(program);
    bool named = memchr(command, '@', len) != NULL;

    fputs("ExecStart=", out);
    for (size_t i = 0; i < len; i++) {
        if (command[i] != '@')
            fputc(command[i], out);
    }
    put_word(out, launcher);
    fputs(" run", out);
    for (int i = 0; i < n_options; i++) {
        fputc(' ', out);
        put_word(out, options[i]);
    }
    fputs(" -- ", out);
    if (named) {
        fprintf(out, "%.*s", (int)(rest - program), program);
        rest = behind_word(rest);
    }
    fprintf(out, "%s\n", named ? rest : program);
}

static const char *kill_mode(const struct mps_unit *unit)
{
    const char *value = mps_unit_value(unit, "KillMode");

    return value ? value : "control-group";
}

/* Seconds of systemd.time(7), as units have them; -1: not set, or not understood; 0: for ever. */
static long stop_seconds(const struct mps_unit *unit)
{
    const char *value = mps_unit_value(unit, "TimeoutStopSec");
    double number;
    char *end;

    if (!value)
        value = mps_unit_value(unit, "TimeoutSec");
    if (!value)
        return -1;
    if (strcmp(value, "infinity") == 0)
        return 0;
    number = strtod(value, &end);
    while (*end == ' ')
        end++;
    if (end == value || number < 0 || number > 1e6)
        return -1;
    if (*end == '\0' || strcmp(end, "s") == 0 || strncmp(end, "sec", 3) == 0)
        return (long)number;
    return strcmp(end, "ms") == 0 ? (long)(number / 1000) + 1
           : *end == 'm'          ? (long)(number * 60)
           : *end == 'h'          ? (long)(number * 3600)
                                  : -1;
}

static bool stops_early(const struct mps_unit *unit)
{
    return stop_seconds(unit) > 0 && stop_seconds(unit) < STOP_SECONDS;
}

static bool kills_agent(const struct mps_unit *unit)
{
    return strcmp(kill_mode(unit), "mixed") == 0;
}

static const char *const families[] = {"AF_UNIX", "AF_NETLINK", "AF_INET", "AF_INET6"};

/* Only a list of what is allowed can be made longer. */
static bool lacks_family(const struct mps_unit *unit, const char *family)
{
    const char *first = mps_unit_item(unit, "RestrictAddressFamilies", 0);

    return first && *first != '~' && !mps_unit_lists(unit, "RestrictAddressFamilies", family);
}

char *mps_unit_wrap(const struct mps_unit *unit, const char *launcher, char *const *options,
                    int n_options)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    const char *command;

    if (!out)
        return NULL;
    fputs(MPS_UNIT_MARK "\n[Service]\nExecStart=\n", out);
    for (size_t i = 0; (command = mps_unit_item(unit, "ExecStart", i)); i++)
        put_command(out, command, launcher, options, n_options);
    if (kills_agent(unit))
        fputs("# The unit's \"mixed\" would kill the agent with bytes that are on their way.\n"
              "KillMode=control-group\n",
              out);
    if (stops_early(unit))
        fputs("# More than the agent's stop-timeout.\nTimeoutStopSec=" STOP_WRITTEN "\n", out);
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        if (lacks_family(unit, families[i]))
            fprintf(out, "RestrictAddressFamilies=%s\n", families[i]);
    }
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- what is in the way ---- */

__attribute__((format(printf, 2, 3))) static void tell(void (*note)(const char *text),
                                                       const char *format, ...)
{
    char text[PATH_MAX + 512];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    note(text);
}

static void tell_changes(const struct mps_unit *unit, void (*note)(const char *text))
{
    const char *command;

    if (kills_agent(unit))
        note("KillMode=mixed of the unit becomes control-group: SIGTERM goes to all its processes, "
             "and the agent gets the time to deliver");
    if (stops_early(unit))
        tell(note,
             "TimeoutStopSec=%ld s of the unit becomes " STOP_WRITTEN " s: an agent takes up "
             "to 60 s to deliver (stop-timeout in mptcpshim.conf(5))",
             stop_seconds(unit));
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        if (lacks_family(unit, families[i]))
            tell(note, "RestrictAddressFamilies= of the unit lacks %s: it is added", families[i]);
    }
    for (size_t i = 0; (command = mps_unit_item(unit, "ExecStart", i)); i++) {
        if (memchr(command, '@', prefix_of(command)))
            note("ExecStart=@ of the unit: the program sees its file as its name");
    }
}

static const struct {
    const char *key, *value; /* NULL: any yes */
    bool plain;
    const char *text;
} obstacles[] = {
    {"PrivateNetwork", NULL, true,
     "PrivateNetwork=yes: the service has a network of its own, with one path at most"},
    {"SocketBindDeny", "any", true,
     "SocketBindDeny=any: the agent cannot listen for further paths; allow its port by "
     "SocketBindAllow= and 'join-port' in mptcpshim.conf(5)"},
    {"ProcSubset", "pid", false,
     "ProcSubset=pid: the agent cannot read /proc/net, and knows less of listeners; set "
     "ProcSubset=all"},
    {"IPAddressDeny", "any", false,
     "IPAddressDeny=any: IPAddressAllow= has to name the peer's addresses on all paths"},
    {"RestrictAddressFamilies", "none", true,
     "RestrictAddressFamilies=none: the service has no network"},
};

/* Filters of system calls. An agent that lacks one does not start, or ends. */
static bool judge_filter(const struct mps_unit *unit, void (*note)(const char *text))
{
    static const char *const needed[] = {"@network-io",  "@ipc",   "@process",  "@io-event",
                                         "@file-system", "@timer", "@basic-io", "@signal"};
    const char *first = mps_unit_item(unit, "SystemCallFilter", 0);
    bool found = false;

    if (first && *first != '~' && !mps_unit_lists(unit, "SystemCallFilter", "@system-service")) {
        note("SystemCallFilter= of the unit allows less than @system-service: the agent, which is "
             "a process of the service, may not start; add SystemCallFilter=@system-service");
        return true;
    }
    for (size_t i = 0; first && *first == '~' && i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (!mps_unit_lists(unit, "SystemCallFilter", needed[i]))
            continue;
        tell(note, "SystemCallFilter=~%s of the unit forbids what the agent needs", needed[i]);
        found = true;
    }
    return found;
}

static bool judge_families(const struct mps_unit *unit, void (*note)(const char *text))
{
    const char *first = mps_unit_item(unit, "RestrictAddressFamilies", 0);
    bool found = false;

    for (size_t i = 0; first && *first == '~' && i < sizeof(families) / sizeof(families[0]); i++) {
        if (!mps_unit_lists(unit, "RestrictAddressFamilies", families[i]))
            continue;
        tell(note,
             "RestrictAddressFamilies=~%s of the unit forbids what mptcpshim needs: take it out "
             "there",
             families[i]);
        found = true;
    }
    return found;
}

static bool is_below(const char *file, const char *dir)
{
    size_t len = strlen(dir);

    return strncmp(file, dir, len) == 0 && file[len] == '/';
}

/* Can the service see our files? */
static bool judge_files(const struct mps_unit *unit, const char *launcher,
                        void (*note)(const char *text))
{
    const char *home = mps_unit_value(unit, "ProtectHome");
    bool hidden = home && strcasecmp(home, "no") != 0 && strcasecmp(home, "false") != 0 &&
                  strcasecmp(home, "read-only") != 0 && strcmp(home, "0") != 0;
    bool found = false;

    if (mps_unit_value(unit, "RootDirectory") || mps_unit_value(unit, "RootImage")) {
        note("RootDirectory= or RootImage=: mptcpshim has to be installed there, too");
        found = true;
    }
    if ((hidden && (is_below(launcher, "/home") || is_below(launcher, "/root"))) ||
        (mps_unit_says_yes(unit, "PrivateTmp") &&
         (is_below(launcher, "/tmp") || is_below(launcher, "/var/tmp")))) {
        tell(note, "the service cannot see %s (ProtectHome=, PrivateTmp=): install mptcpshim",
             launcher);
        found = true;
    }
    return found;
}

static bool judge_program(const struct mps_unit_place *place, const struct mps_unit *unit,
                          void (*note)(const char *text))
{
    static struct mps_inspection inspection;
    static struct mps_places places;
    const char *command = mps_unit_item(unit, "ExecStart", 0);
    char program[PATH_MAX], file[PATH_MAX];

    if (!command)
        return false;
    first_word(command + prefix_of(command), program);
    if (snprintf(file, sizeof(file), "%s%s", *program == '/' ? place->root : "", program) >=
            (int)sizeof(file) ||
        strchr(program, '%') || strchr(program, '$'))
        return false; /* of the manager's to find out */
    mps_inspect(file, mps_places_find(&places) && mps_places_serve_both(places.library),
                &inspection);
    if (inspection.error || !inspection.reason)
        return false;
    tell(note, "%s will use plain TCP: %s", program, inspection.reason);
    return true;
}

bool mps_unit_judge(const struct mps_unit_place *place, const struct mps_unit *unit,
                    const char *launcher, void (*note)(const char *text))
{
    bool plain = false;

    tell_changes(unit, note);
    for (size_t i = 0; i < sizeof(obstacles) / sizeof(obstacles[0]); i++) {
        if (obstacles[i].value ? mps_unit_lists(unit, obstacles[i].key, obstacles[i].value)
                               : mps_unit_says_yes(unit, obstacles[i].key)) {
            note(obstacles[i].text);
            plain = plain || obstacles[i].plain;
        }
    }
    plain = judge_filter(unit, note) || plain;
    plain = judge_families(unit, note) || plain;
    plain = judge_files(unit, launcher, note) || plain;
    return judge_program(place, unit, note) || plain;
}
