/* SPDX-License-Identifier: MIT */
/*
 * Does a program wait for connections, so that under the shim even the first one is multipath? To
 * listen is not enough for that: a listener is marked when the program waits for it
 * (preload/LIFECYCLE.md), and between the two an agent starts.
 *
 *   awaited PORT
 *
 * Exit status 0: a process waits for a listener at that TCP port of this network namespace, by
 * epoll, or in accept(), poll() or select(); 1: none does; 2: bad usage.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LISTENERS 64
#define STATE     0x0a /* TCP_LISTEN, as /proc/net/tcp numbers it */

static unsigned long listener[LISTENERS]; /* inodes */
static unsigned n_listeners;

static void find_listeners(const char *table, unsigned port)
{
    FILE *f = fopen(table, "r");
    unsigned long inode;
    unsigned local, state;
    char line[512];

    while (f && fgets(line, sizeof(line), f)) {
        if (sscanf(line, " %*u: %*[0-9A-F]:%x %*s %x %*s %*s %*s %*s %*s %lu", &local, &state,
                   &inode) == 3 &&
            local == port && state == STATE && n_listeners < LISTENERS)
            listener[n_listeners++] = inode;
    }
    if (f)
        fclose(f);
}

static bool is_listener(const char *link)
{
    unsigned long inode;

    if (sscanf(link, "socket:[%lu]", &inode) != 1)
        return false;
    for (unsigned i = 0; i < n_listeners; i++) {
        if (listener[i] == inode)
            return true;
    }
    return false;
}

/* Calls `see` for each number that is a name in the directory, until it returns true. */
static bool each(const char *directory, bool (*see)(const char *directory, long number, long about),
                 long about)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;
    bool found = false;

    while (!found && dir && (entry = readdir(dir))) {
        if (isdigit((unsigned char)entry->d_name[0]))
            found = see(directory, strtol(entry->d_name, NULL, 10), about);
    }
    if (dir)
        closedir(dir);
    return found;
}

/* Is the descriptor `about` in this one, an epoll instance? */
static bool by_epoll(const char *directory, long number, long about)
{
    char name[128], line[256];
    bool found = false;
    FILE *f;
    long fd;

    snprintf(name, sizeof(name), "%s/%ld", directory, number);
    f = fopen(name, "r");
    while (!found && f && fgets(line, sizeof(line), f))
        found = sscanf(line, "tfd: %ld", &fd) == 1 && fd == about;
    if (f)
        fclose(f);
    return found;
}

/* Is the thread in a call that waits for the descriptor `about`, or for some that may be it? */
static bool in_call(const char *directory, long number, long about)
{
    long call = -1, fd = -1;
    char name[128];
    FILE *f;

    snprintf(name, sizeof(name), "%s/%ld/syscall", directory, number);
    f = fopen(name, "r");
    if (!f)
        return false;
    if (fscanf(f, "%ld 0x%lx", &call, (unsigned long *)&fd) < 1)
        call = -1; /* "running" */
    fclose(f);
    switch (call) {
    case SYS_accept4:
#ifdef SYS_accept
    case SYS_accept:
#endif
        return fd == about;
#ifdef SYS_poll
    case SYS_poll:
#endif
#ifdef SYS_select
    case SYS_select:
#endif
    case SYS_ppoll:
    case SYS_pselect6:
        return true;
    default:
        return false;
    }
}

static bool waits_with(const char *directory, long number, long pid)
{
    char name[128], link[64];
    ssize_t n;

    snprintf(name, sizeof(name), "%s/%ld", directory, number);
    n = readlink(name, link, sizeof(link) - 1);
    if (n < 0)
        return false;
    link[n] = '\0';
    if (!is_listener(link))
        return false;
    snprintf(name, sizeof(name), "/proc/%ld/fdinfo", pid);
    if (each(name, by_epoll, number))
        return true;
    snprintf(name, sizeof(name), "/proc/%ld/task", pid);
    return each(name, in_call, number);
}

static bool waits(const char *directory, long pid, long about)
{
    char name[64];

    (void)about;
    snprintf(name, sizeof(name), "%s/%ld/fd", directory, pid);
    return each(name, waits_with, pid);
}

int main(int argc, char **argv)
{
    char *end = NULL;
    unsigned long port = argc == 2 ? strtoul(argv[1], &end, 10) : 0;

    if (port == 0 || port > 65535 || *end != '\0') {
        fprintf(stderr, "usage: awaited PORT\n");
        return 2;
    }
    find_listeners("/proc/self/net/tcp", (unsigned)port);
    find_listeners("/proc/self/net/tcp6", (unsigned)port);
    return n_listeners > 0 && each("/proc", waits, 0) ? 0 : 1;
}
