/* SPDX-License-Identifier: MIT */
#include "report.h"
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "agents.h"
#include "config/keys.h"
#include "handover/config.h"
#include "launcher.h"
#include "output.h"
#include "places.h"
#include "settings.h"
#include "version.h"

#define FILE_MAX    65536 /* bytes of each file, and of what each program says */
#define EVENTS_MS   1000
#define EVENTS_MAX  1000
#define LINE_LENGTH 1024

static void title(FILE *out, const char *text)
{
    fprintf(out, "\n==== %s\n", text);
}

/* ---- files and programs ---- */

/* Nothing if it cannot be read. `prefix`: before each line. */
static void put_file(FILE *out, const char *file, const char *prefix)
{
    char *line = NULL;
    size_t size = 0, all = 0;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;

    while (in && all < FILE_MAX && getline(&line, &size, in) > 0) {
        line[strcspn(line, "\n")] = '\0';
        all += strlen(line);
        mps_print_to(out, "%s%s\n", prefix, line);
    }
    free(line);
    if (in)
        fclose(in);
    else if (fd >= 0)
        close(fd);
}

static void put_program(FILE *out, const char *command)
{
    FILE *in = popen(command, "re");
    char line[LINE_LENGTH];
    size_t all = 0;

    mps_print_to(out, "$ %s\n", command);
    while (in && fgets(line, sizeof(line), in)) {
        line[strcspn(line, "\n")] = '\0';
        all += strlen(line);
        if (all < FILE_MAX)
            mps_print_to(out, "%s\n", line);
    }
    if (in)
        pclose(in);
}

/* ---- this host ---- */

static void put_version(FILE *out)
{
    static struct mps_places places;
    bool found = mps_places_find(&places);
    struct utsname name;

    title(out, "Versions");
    fprintf(out, "mptcpshim %s, %zu bits\n", mps_launcher_version(), 8 * sizeof(void *));
    if (found) {
        mps_print_to(out, "library %s\n", places.library);
        mps_print_to(out, "agent %s%s\n", places.agent,
                     access(places.agent, X_OK) == 0 ? "" : " (cannot be executed)");
    } else {
        fputs("library is not found\n", out);
    }
    if (uname(&name) == 0)
        mps_print_to(out, "%s %s %s %s\n", name.sysname, name.release, name.version, name.machine);
    put_file(out, "/etc/os-release", "  ");
}

static void put_network(FILE *out)
{
    static const char *const commands[] = {
        "ip -brief address show 2>&1",
        "ip -brief link show up 2>&1 | awk '{print $1, $2, $4}'",
        "ip rule show 2>&1",
        "ip -6 rule show 2>&1",
        "ip route show table all 2>&1",
        "ip -6 route show table all 2>&1",
    };

    title(out, "Addresses, rules, routes");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        put_program(out, commands[i]);
}

static void put_sysctls(FILE *out)
{
    static const char *const names[] = {
        "net/core/default_qdisc",
        "net/core/rmem_max",
        "net/core/wmem_max",
        "net/ipv4/conf/all/rp_filter",
        "net/ipv4/ip_local_port_range",
        "net/ipv4/ip_unprivileged_port_start",
        "net/ipv4/tcp_adv_win_scale",
        "net/ipv4/tcp_congestion_control",
        "net/ipv4/tcp_ecn",
        "net/ipv4/tcp_mtu_probing",
        "net/ipv4/tcp_rmem",
        "net/ipv4/tcp_sack",
        "net/ipv4/tcp_syncookies",
        "net/ipv4/tcp_timestamps",
        "net/ipv4/tcp_window_scaling",
        "net/ipv4/tcp_wmem",
        "net/mptcp/enabled",
        "net/netfilter/nf_conntrack_tcp_be_liberal",
        "kernel/yama/ptrace_scope",
        "user/max_user_namespaces",
    };

    title(out, "Settings of the kernel");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char file[128], prefix[128];

        snprintf(file, sizeof(file), "/proc/sys/%s", names[i]);
        snprintf(prefix, sizeof(prefix), "%s = ", names[i]);
        put_file(out, file, prefix);
    }
}

/* The memory.max of our own control group (version 2). */
static void put_cgroup(FILE *out)
{
    char line[512], file[1024];
    FILE *in = fopen("/proc/self/cgroup", "re");

    while (in && fgets(line, sizeof(line), in)) {
        line[strcspn(line, "\n")] = '\0';
        mps_print_to(out, "cgroup %s\n", line);
        if (strncmp(line, "0::", 3) != 0)
            continue;
        snprintf(file, sizeof(file), "/sys/fs/cgroup%s/memory.max", line + 3);
        put_file(out, file, "memory.max ");
        snprintf(file, sizeof(file), "/sys/fs/cgroup%s/pids.max", line + 3);
        put_file(out, file, "pids.max ");
    }
    if (in)
        fclose(in);
}

static void put_limits(FILE *out)
{
    title(out, "Limits and containers");
    fprintf(out, "user %u, effective %u\n", (unsigned)getuid(), (unsigned)geteuid());
    put_file(out, "/proc/self/limits", "");
    put_file(out, "/proc/self/uid_map", "uid_map ");
    put_file(out, "/proc/1/comm", "first process ");
    put_file(out, "/run/systemd/container", "container ");
    if (access("/.dockerenv", F_OK) == 0)
        fputs("container /.dockerenv\n", out);
    put_cgroup(out);
}

/* ---- the configuration ---- */

static char *trim(char *text)
{
    char *end;

    text += strspn(text, " \t");
    end = text + strlen(text);
    while (end > text && strchr(" \t\r\n", end[-1]))
        *--end = '\0';
    return text;
}

/* Keys that the program knows, with their values; of all other lines only that they are there. */
static void put_line(FILE *out, char *line, char section[64])
{
    char *text = trim(line), *equals = strchr(text, '=');
    char name[64];

    if (*text == '\0' || *text == '#' || *text == ';')
        return;
    if (*text == '[') {
        /* [path NAME]: its first word. */
        snprintf(section, 64, "%.*s", (int)strcspn(text + 1, "] \t"), text + 1);
        mps_print_to(out, "%s\n", mps_key_section(section) ? text : "[...]");
        return;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(equals ? equals - text : 0), text);
    trim(name);
    if (equals && mps_key_find(section, name))
        mps_print_to(out, "%s = %s\n", name, trim(equals + 1));
    else
        fputs("(a line without a known key)\n", out);
}

static void put_configuration(FILE *out, const char *file)
{
    char line[LINE_LENGTH], section[64] = "";
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    FILE *in = NULL;
    size_t all = 0;

    mps_print_to(out, "-- %s: ", file);
    if (fd < 0) {
        fprintf(out, "%s\n", strerror(errno));
        return;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        in = fdopen(fd, "r");
    fprintf(out, "%s\n", in ? "" : "not a regular file");
    while (in && all < FILE_MAX && fgets(line, sizeof(line), in)) {
        all += strlen(line);
        put_line(out, line, section);
    }
    if (in)
        fclose(in);
    else
        close(fd);
}

/* Words of MPTCPSHIM_OPTIONS, by their keys alone unless these are known. */
static void put_words(FILE *out, const char *words)
{
    mps_print_to(out, "-- %s:\n", MPS_ENV_OPTIONS);
    while (*words) {
        size_t len = strcspn(words, " "), name = strcspn(words, "= ");
        char word[64];

        snprintf(word, sizeof(word), "%.*s", (int)name, words);
        if (mps_key_of_word(word))
            mps_print_to(out, "%.*s\n", (int)len, words);
        else if (len > 0)
            fputs("(a word without a known key)\n", out);
        words += len + strspn(words + len, " ");
    }
}

static void put_configurations(FILE *out)
{
    static struct mps_chosen_files chosen;
    const char *words = getenv(MPS_ENV_OPTIONS);

    title(out, "Configuration");
    if (mps_launcher_choose(NULL, &chosen)) {
        if (chosen.files.only)
            put_configuration(out, chosen.only);
        if (chosen.files.system)
            put_configuration(out, chosen.files.system);
        if (chosen.files.user)
            put_configuration(out, chosen.user);
    }
    if (words && *words)
        put_words(out, words);
    fprintf(out, "inside of a tree of mptcpshim: %s\n", getenv(MPS_ENV_AGENT) ? "yes" : "no");
}

/* ---- the agents ---- */

/* A token is half of what a join needs. */
static void remove_tokens(struct json_object *all)
{
    for (size_t i = 0; i < json_object_array_length(all); i++) {
        struct json_object *o = json_object_array_get_idx(all, i);

        json_object_object_del(o, "token");
        json_object_object_del(o, "peer_token");
    }
}

static void put_json(FILE *out, struct json_object *all)
{
    const char *text;

    remove_tokens(all);
    text = json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY);
    while (text && *text) {
        size_t len = strcspn(text, "\n");

        mps_print_to(out, "%.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static int put_answers(FILE *out, enum mps_ho_op op, const char *heading)
{
    struct mps_agents *agents = mps_agents_ask(op, NULL, NULL);
    struct json_object *all = agents ? mps_agents_json(agents) : NULL;
    int code = all && op == MPS_HO_STATUS ? mps_agents_complain(agents, "bugreport") : 0;

    title(out, heading);
    for (size_t i = 0; all && i < agents->n; i++) {
        const struct mps_agent *a = &agents->agent[i];
        char file[64];

        fprintf(out, "agent %s, process %d of user %d: %s\n", a->id, (int)a->cred.pid,
                (int)a->cred.uid, a->answer == MPS_AGENT_OK ? "answers" : "does not answer");
        snprintf(file, sizeof(file), "/proc/%d/status", (int)a->cred.pid);
        if (op == MPS_HO_STATUS && a->cred.pid > 0)
            put_file(out, file, "  ");
    }
    if (all)
        put_json(out, all);
    json_object_put(all);
    mps_agents_free(agents);
    return code;
}

static void put_event(FILE *out, char *packet)
{
    struct json_object *o = json_tokener_parse(packet);

    if (json_object_is_type(o, json_type_object)) {
        json_object_object_del(o, "token");
        json_object_object_del(o, "peer_token");
        mps_print_to(out, "%s\n", json_object_to_json_string(o));
    }
    json_object_put(o);
}

/* Agents keep no events: these come while the report is made. */
static void put_events(FILE *out)
{
    struct mps_agents *agents = mps_agents_ask(MPS_HO_MONITOR, NULL, NULL);
    unsigned n = 0;

    title(out, "Events within a second");
    for (int ms = 0; agents && ms < EVENTS_MS; ms += 50) {
        bool any = false;

        for (size_t i = 0; i < agents->n; i++) {
            char packet[MPS_HO_EVENT_MAX];
            ssize_t len;

            if (agents->agent[i].answer != MPS_AGENT_OK || agents->agent[i].events < 0)
                continue;
            any = true;
            while (n < EVENTS_MAX && (len = recv(agents->agent[i].events, packet,
                                                 sizeof(packet) - 1, MSG_DONTWAIT)) > 0) {
                packet[len] = '\0';
                put_event(out, packet);
                n++;
            }
        }
        if (!any)
            break;
        poll(NULL, 0, 50);
    }
    mps_agents_free(agents);
}

int mps_report_write(FILE *out)
{
    int code;

    put_version(out);
    put_network(out);
    put_sysctls(out);
    put_limits(out);
    put_configurations(out);
    code = put_answers(out, MPS_HO_STATUS, "Connections");
    (void)put_answers(out, MPS_HO_PATHS, "Paths");
    put_events(out);
    return code;
}
