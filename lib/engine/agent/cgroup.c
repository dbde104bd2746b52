/* SPDX-License-Identifier: MIT */
#include "cgroup.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 4096

/* One of the two hierarchies; the files of each are named differently. */
struct hierarchy {
    const char *limits[2];
    const char *usage;
};

static const struct hierarchy version1 = {
    {"memory.limit_in_bytes", NULL},
    "memory.usage_in_bytes",
};
static const struct hierarchy version2 = {{"memory.max", "memory.high"}, "memory.current"};

/* A number, or "max" and whatever else there may be: UINT64_MAX. */
static uint64_t read_number(const char *dir, const char *name)
{
    char path[PATH_MAX], text[64], *end;
    uint64_t n = UINT64_MAX;
    FILE *f;

    if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
        return n;
    f = fopen(path, "re");
    if (!f)
        return n;
    if (fgets(text, sizeof(text), f)) {
        n = strtoull(text, &end, 10);
        if (end == text)
            n = UINT64_MAX;
    }
    fclose(f);
    return n;
}

/* Pages of files, which the kernel drops before it kills anybody. */
static uint64_t file_pages(const char *dir)
{
    char path[PATH_MAX], line[256];
    unsigned long long n, own = 0, total = 0;
    bool has_total = false;
    FILE *f;

    if (snprintf(path, sizeof(path), "%s/memory.stat", dir) >= (int)sizeof(path))
        return 0;
    f = fopen(path, "re");
    if (!f)
        return 0;
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "total_inactive_file %llu", &n) == 1 ||
            sscanf(line, "total_active_file %llu", &n) == 1) {
            has_total = true; /* version 1: with the groups below */
            total += n;
        } else if (sscanf(line, "inactive_file %llu", &n) == 1 ||
                   sscanf(line, "active_file %llu", &n) == 1) {
            own += n;
        }
    }
    fclose(f);
    return has_total ? total : own;
}

static void take(const struct hierarchy *h, const char *dir, struct mps_cgroup_memory *ret)
{
    uint64_t limit = UINT64_MAX, usage, files;

    for (unsigned i = 0; i < 2 && h->limits[i]; i++) {
        uint64_t n = read_number(dir, h->limits[i]);

        limit = n < limit ? n : limit;
    }
    if (limit < ret->limit)
        ret->limit = limit;
    /* Version 1 says a number beyond any machine's memory where there is no limit. */
    if (limit >= UINT64_C(1) << 60)
        return;
    usage = read_number(dir, h->usage);
    files = file_pages(dir);
    if (usage != UINT64_MAX && usage > files && usage - files > limit / 4 * 3)
        ret->tight = true;
}

/* The group's folder and those above it, up to where the hierarchy is mounted. */
static void take_all(const struct hierarchy *h, char *dir, size_t mount_len,
                     struct mps_cgroup_memory *ret)
{
    for (;;) {
        char *slash;

        take(h, dir, ret);
        slash = strrchr(dir, '/');
        if (!slash || (size_t)(slash - dir) < mount_len)
            return;
        *slash = 0;
    }
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = list; (p = strstr(p, word)); p += n) {
        if ((p == list || p[-1] == ',') && (p[n] == 0 || p[n] == ',' || p[n] == '\n'))
            return true;
    }
    return false;
}

/* This process's group in the hierarchy, as /proc names it. */
static bool own_group(const char *root, const struct hierarchy *h, char *ret, size_t size)
{
    char path[PATH_MAX], line[LINE];
    bool found = false;
    FILE *f;

    snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    f = fopen(path, "re");
    if (!f)
        return false;
    while (!found && fgets(line, sizeof(line), f)) {
        char *controllers = strchr(line, ':'), *group = controllers;

        if (!controllers || !(group = strchr(controllers + 1, ':')))
            continue;
        *group++ = 0;
        controllers++;
        group[strcspn(group, "\n")] = 0;
        found = h == &version2 ? *controllers == 0 : has_word(controllers, "memory");
        if (found)
            found = (size_t)snprintf(ret, size, "%s", group) < size;
    }
    fclose(f);
    return found;
}

/* A line of mountinfo: of this hierarchy? Then what of it is mounted, and where. */
static bool parse_mount(char *line, const struct hierarchy *h, char **ret_top, char **ret_point)
{
    char *type = strstr(line, " - "), *save = NULL, *options, *word;

    if (!type)
        return false;
    *type = 0;
    type += 3;
    word = strtok_r(line, " ", &save);
    for (unsigned i = 1; word && i < 3; i++)
        word = strtok_r(NULL, " ", &save);
    *ret_top = word ? strtok_r(NULL, " ", &save) : NULL;
    *ret_point = *ret_top ? strtok_r(NULL, " ", &save) : NULL;
    type = strtok_r(type, " ", &save);
    strtok_r(NULL, " ", &save);
    options = strtok_r(NULL, " ", &save);
    if (!*ret_point || !type || !options)
        return false;
    return h == &version2 ? strcmp(type, "cgroup2") == 0
                          : strcmp(type, "cgroup") == 0 && has_word(options, "memory");
}

static void look(const char *root, const struct hierarchy *h, struct mps_cgroup_memory *ret)
{
    char path[PATH_MAX], group[LINE], line[LINE], dir[PATH_MAX];
    FILE *f;

    if (!own_group(root, h, group, sizeof(group)))
        return;
    snprintf(path, sizeof(path), "%s/proc/self/mountinfo", root);
    f = fopen(path, "re");
    if (!f)
        return;
    while (fgets(line, sizeof(line), f)) {
        char *top, *point;
        const char *rest = group;
        size_t n;

        if (!parse_mount(line, h, &top, &point))
            continue;
        n = strlen(top);
        /* In a container a part of the hierarchy is mounted, and may be named as the whole. */
        if (strcmp(top, "/") != 0 && strncmp(group, top, n) == 0 && (group[n] == '/' || !group[n]))
            rest = group + n;
        else if (strcmp(top, "/") != 0 || strstr(group, "/.."))
            rest = "";
        if (strcmp(rest, "/") == 0)
            rest = "";
        if (snprintf(dir, sizeof(dir), "%s%s%s", root, point, rest) < (int)sizeof(dir))
            take_all(h, dir, strlen(root) + strlen(point), ret);
        break;
    }
    fclose(f);
}

struct mps_cgroup_memory mps_cgroup_memory(const char *root)
{
    struct mps_cgroup_memory memory = {.limit = UINT64_MAX};

    look(root, &version1, &memory);
    look(root, &version2, &memory);
    return memory;
}
