/* SPDX-License-Identifier: MIT */
#include "whose.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../agents.h"

#define COMM_MAX 64 /* the kernel's names have 15 bytes, those of its threads more */

/* ---- processes ---- */

struct process {
    int pid;
    bool known;
    double since; /* when it was started: seconds of CLOCK_BOOTTIME */
    char name[COMM_MAX];
};

/* What was looked up, by pid: one process may have thousands of connections. */
struct processes {
    struct process at[256];
    double now; /* not before the agents have answered */
    double tick;
};

static double boot_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/*
 * proc(5): "PID (NAME) STATE ...", whose name may hold anything; the start is the 20th behind it.
 */
static bool read_stat(int pid, double tick, struct process *ret)
{
    char file[40], line[1024], *begin, *end;
    FILE *stat;
    size_t n;

    *ret = (struct process){.pid = pid};
    snprintf(file, sizeof(file), "/proc/%d/stat", pid);
    stat = fopen(file, "re");
    if (!stat)
        return false;
    n = fread(line, 1, sizeof(line) - 1, stat);
    fclose(stat);
    line[n] = '\0';
    begin = strchr(line, '(');
    end = strrchr(line, ')');
    if (!begin || !end || end <= begin || (size_t)(end - begin) > COMM_MAX)
        return false;
    memcpy(ret->name, begin + 1, (size_t)(end - begin - 1));
    for (int field = 0; field < 20; field++) {
        end = strchr(end + 1, ' ');
        if (!end)
            return false;
    }
    ret->since = strtod(end + 1, NULL) / tick;
    return true;
}

static const struct process *process_of(struct processes *all, int pid)
{
    struct process *p = &all->at[(unsigned)pid % (sizeof(all->at) / sizeof(all->at[0]))];

    if (p->pid != pid)
        p->known = read_stat(pid, all->tick, p);
    return p;
}

static void add_program(struct json_object *connection, struct processes *all)
{
    int pid = json_object_get_int(json_object_object_get(connection, "process"));
    double age = json_object_get_double(json_object_object_get(connection, "age_us")) / 1e6;
    const struct process *p;

    if (pid <= 0 || json_object_object_get_ex(connection, "program", NULL))
        return;
    p = process_of(all, pid);
    if (p->known && p->since <= all->now - age + 2 / all->tick)
        json_object_object_add(connection, "program", json_object_new_string(p->name));
}

/*
 * Does the agent number processes as we do? NSpid has one number for each PID namespace that the
 * process is in, from the one that our /proc shows.
 */
static bool numbers_as_we(const struct mps_agents *agents, const char *id)
{
    char file[40], line[256];
    bool same = false;
    int pid = 0, inner;
    FILE *status;

    for (size_t i = 0; id && i < agents->n; i++)
        if (strcmp(agents->agent[i].id, id) == 0)
            pid = (int)agents->agent[i].cred.pid;
    snprintf(file, sizeof(file), "/proc/%d/status", pid);
    status = pid > 0 ? fopen(file, "re") : NULL;
    while (status && fgets(line, sizeof(line), status)) {
        if (strncmp(line, "NSpid:", 6) != 0)
            continue;
        same = sscanf(line, "NSpid: %*d %d", &inner) != 1;
        break;
    }
    if (status)
        fclose(status);
    return same;
}

/* ---- interfaces ---- */

/* "192.0.2.1:80", "[2001:db8::1]:80" or either without a port. */
static bool parse_ip(const char *text, struct in6_addr *ret, int *ret_family)
{
    char ip[INET6_ADDRSTRLEN];
    bool brackets = text[0] == '[';
    size_t len;

    text += brackets;
    len = strcspn(text, brackets ? "]" : ":");
    if (!brackets && strchr(text, ':') != strrchr(text, ':'))
        len = strlen(text);
    if (len == 0 || len >= sizeof(ip))
        return false;
    memcpy(ip, text, len);
    ip[len] = '\0';
    memset(ret, 0, sizeof(*ret));
    *ret_family = strchr(ip, ':') ? AF_INET6 : AF_INET;
    return inet_pton(*ret_family, ip, ret) == 1;
}

static bool has_ip(const struct ifaddrs *i, const struct in6_addr *ip, int family)
{
    if (!i->ifa_addr || i->ifa_addr->sa_family != family)
        return false;
    if (family == AF_INET)
        return memcmp(&((const struct sockaddr_in *)i->ifa_addr)->sin_addr, ip, 4) == 0;
    return memcmp(&((const struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, ip, 16) == 0;
}

/* The kernel lists 127.0.0.1 only and has all of 127.0.0.0/8. */
static bool has(const struct ifaddrs *i, const struct in6_addr *ip, int family)
{
    struct in6_addr loopback = {.s6_addr = {127, 0, 0, 1}};

    if (family == AF_INET && ip->s6_addr[0] == 127)
        return has_ip(i, &loopback, AF_INET);
    return has_ip(i, ip, family);
}

static void add_interface(struct json_object *path, const struct ifaddrs *all)
{
    const char *local = json_object_get_string(json_object_object_get(path, "local"));
    struct in6_addr ip;
    int family;

    if (!json_object_is_type(path, json_type_object) || !local || !parse_ip(local, &ip, &family))
        return;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        if (!has(i, &ip, family))
            continue;
        json_object_object_add(path, "interface", json_object_new_string(i->ifa_name));
        return;
    }
}

static void add_interfaces(struct json_object *connection, const char *key,
                           const struct ifaddrs *all)
{
    struct json_object *list = json_object_object_get(connection, key);

    if (!json_object_is_type(list, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(list); i++)
        add_interface(json_object_array_get_idx(list, i), all);
}

void mps_whose_add(struct json_object *all, const struct mps_agents *agents)
{
    struct processes *processes = calloc(1, sizeof(*processes));
    const char *before = NULL;
    struct ifaddrs *ips = NULL;
    bool ours = false;

    if (!processes || getifaddrs(&ips) < 0)
        ips = NULL;
    if (processes) {
        processes->now = boot_seconds();
        processes->tick = (double)sysconf(_SC_CLK_TCK);
    }
    for (size_t i = 0; processes && i < json_object_array_length(all); i++) {
        struct json_object *o = json_object_array_get_idx(all, i);
        const char *agent = json_object_get_string(json_object_object_get(o, "agent"));

        if (!agent)
            continue;
        if (!before || strcmp(agent, before) != 0)
            ours = numbers_as_we(agents, agent);
        before = agent;
        if (ours)
            add_program(o, processes);
        add_interfaces(o, "subflows", ips);
        add_interfaces(o, "ended", ips);
    }
    if (ips)
        freeifaddrs(ips);
    free(processes);
}
