/* SPDX-License-Identifier: MIT */
#include "holds.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 1024
#define DEPTH    4 /* of processes started by processes */

/* The beginning of a file, as a string; "" if it cannot be read. */
static void read_text(int dir, const char *name, char text[TEXT_MAX])
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, TEXT_MAX - 1);

    text[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

static void add(struct mps_holds *holds, const char *name)
{
    if (holds->n < MPS_HOLDS_MAX)
        snprintf(holds->tunnel[holds->n++], MPS_NETADDR_IFNAME, "%s", name);
}

/* "iff:" and the name, in the description of a descriptor of /dev/net/tun. */
static bool tunnel_of(int dir, const char *descriptor, char name[MPS_NETADDR_IFNAME])
{
    char text[TEXT_MAX];
    const char *at;

    read_text(dir, descriptor, text);
    at = strstr(text, "iff:");
    return at && sscanf(at + 4, " %15s", name) == 1;
}

static void look_at_process(pid_t pid, struct mps_holds *holds)
{
    char path[32], name[MPS_NETADDR_IFNAME];
    struct dirent *e;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)pid);
    dir = opendir(path);
    while (dir && (e = readdir(dir))) {
        if (isdigit((unsigned char)e->d_name[0]) && tunnel_of(dirfd(dir), e->d_name, name))
            add(holds, name);
    }
    if (dir)
        closedir(dir);
}

static void look_at_tree(pid_t pid, unsigned depth, struct mps_holds *holds);

/* "PID PID ", those that a thread has started. */
static void look_at_children(int tasks, const char *task, unsigned depth, struct mps_holds *holds)
{
    char name[300], text[TEXT_MAX], *at = text;

    snprintf(name, sizeof(name), "%s/children", task);
    read_text(tasks, name, text);
    for (long child; (child = strtol(at, &at, 10)) > 0;)
        look_at_tree((pid_t)child, depth, holds);
}

static void look_at_tree(pid_t pid, unsigned depth, struct mps_holds *holds)
{
    char path[32];
    struct dirent *e;
    DIR *dir;

    look_at_process(pid, holds);
    if (depth == 0)
        return;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    dir = opendir(path);
    while (dir && (e = readdir(dir))) {
        if (isdigit((unsigned char)e->d_name[0]))
            look_at_children(dirfd(dir), e->d_name, depth - 1, holds);
    }
    if (dir)
        closedir(dir);
}

void mps_holds_find(pid_t pid, struct mps_holds *ret)
{
    memset(ret, 0, sizeof(*ret));
    look_at_tree(pid, DEPTH, ret);
}
