/* SPDX-License-Identifier: MIT */
/*
 * A port that a listener has is taken: who else binds it or listens on it, with SO_REUSEPORT or
 * without, by libc or without the preload, hears what it would hear beside any TCP listener.
 */
#include "peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct place {
    const char *name, *addr;
    int family, v6_only;
};

static const struct place places[] = {
    {"4-any", "0.0.0.0", AF_INET, 0},
    {"4-one", "127.0.0.1", AF_INET, 0},
    {"6-any", "::", AF_INET6, 1},
    {"6-one", "::1", AF_INET6, 1},
    {"6-one-both", "::1", AF_INET6, 0},
    {"both-any", "::", AF_INET6, 0},
    {"mapped-one", "::ffff:127.0.0.1", AF_INET6, 0},
    {"mapped-any", "::ffff:0.0.0.0", AF_INET6, 0},
};
#define N_PLACES (sizeof(places) / sizeof(places[0]))

/* What has the port first; a program may listen at one place for each family. */
static const char *const holders[][2] = {
    {"4-any", NULL},      {"4-one", NULL},    {"6-any", NULL},      {"6-one", NULL},
    {"6-one-both", NULL}, {"both-any", NULL}, {"mapped-one", NULL}, {"mapped-any", NULL},
    {"4-any", "6-any"},   {"6-any", "4-any"}, {"4-one", "6-one"},   {"6-one", "4-any"},
};
#define N_HOLDERS (sizeof(holders) / sizeof(holders[0]))

enum { REUSE_ADDR = 1, REUSE_PORT = 2, WITHOUT_LIBC = 4, WAYS = 8 };

static const struct place *place_find(const char *name)
{
    size_t i = 0;

    while (strcmp(places[i].name, name) != 0)
        i++;
    return &places[i];
}

static int open_at(const struct place *place, unsigned way)
{
    int fd = socket(place->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int addr = way & REUSE_ADDR ? 1 : 0, port = way & REUSE_PORT ? 1 : 0;

    need(fd >= 0);
    need(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &addr, sizeof(addr)) == 0);
    need(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &port, sizeof(port)) == 0);
    if (place->family == AF_INET6)
        need(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &place->v6_only, sizeof(int)) == 0);
    return fd;
}

static int bind_at(int fd, const struct place *place, in_port_t port, bool libc)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = port};
    struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = port};
    bool v6 = place->family == AF_INET6;
    const void *name = v6 ? (void *)&sin6 : (void *)&sin;
    socklen_t len = v6 ? sizeof(sin6) : sizeof(sin);

    need(inet_pton(place->family, place->addr,
                   v6 ? (void *)&sin6.sin6_addr : (void *)&sin.sin_addr) == 1);
    return libc ? bind(fd, name, len) : (int)syscall(SYS_bind, fd, name, len);
}

/* A port that is free at all places. */
static in_port_t free_port(void)
{
    const struct place *both = place_find("both-any");
    int fd = open_at(both, 0);
    struct sockaddr_in6 sin6;
    socklen_t len = sizeof(sin6);

    need(bind_at(fd, both, 0, false) == 0);
    need(getsockname(fd, (struct sockaddr *)&sin6, &len) == 0);
    close(fd);
    return sin6.sin6_port;
}

static const char *come_second(const struct place *place, in_port_t port, unsigned way)
{
    int fd = open_at(place, way), error = 0;
    bool libc = !(way & WITHOUT_LIBC);

    if (bind_at(fd, place, port, libc) < 0 ||
        (libc ? listen(fd, 1) : (int)syscall(SYS_listen, fd, 1)) < 0)
        error = errno;
    close(fd);
    return error == 0 ? "ok" : error_name(error);
}

static void hold(const char *const names[2], in_port_t port, unsigned way, int fds[2])
{
    for (int i = 0; i < 2; i++) {
        const struct place *place = names[i] ? place_find(names[i]) : NULL;

        fds[i] = place ? open_at(place, way) : -1;
        if (!place)
            continue;
        need(bind_at(fds[i], place, port, true) == 0);
        need(listen(fds[i], 4) == 0);
    }
}

/* Whoever comes next, to each place, in each way, while somebody listens. */
static void serve_taken(int listener)
{
    for (size_t h = 0; h < N_HOLDERS * 2; h++) {
        const char *const *names = holders[h / 2];
        in_port_t port = free_port();
        int fds[2];

        hold(names, port, h % 2 ? REUSE_ADDR : 0, fds);
        for (size_t p = 0; p < N_PLACES; p++) {
            const char *ret[WAYS];

            for (unsigned way = 0; way < WAYS; way++)
                ret[way] = come_second(&places[p], port, way);
            say("%s %s %s, then %s: %s %s %s %s %s %s %s %s", names[0], names[1] ? names[1] : "",
                h % 2 ? "reuse" : "", places[p].name, ret[0], ret[1], ret[2], ret[3], ret[4],
                ret[5], ret[6], ret[7]);
        }
        for (int i = 0; i < 2; i++)
            if (fds[i] >= 0)
                close(fds[i]);
        say("and free again: %s", come_second(place_find(names[0]), port, 0));
    }
}

/* All bound before one listens, as SO_REUSEADDR allows: only one does. */
static void serve_taken_race(int listener)
{
    for (size_t h = 0; h < N_PLACES * N_PLACES; h++) {
        const struct place *first = &places[h / N_PLACES], *second = &places[h % N_PLACES];
        int a = open_at(first, REUSE_ADDR), b = open_at(second, REUSE_ADDR);
        in_port_t port = free_port();

        need(bind_at(a, first, port, true) == 0);
        need(bind_at(b, second, port, true) == 0);
        need(listen(a, 4) == 0);
        say("%s, then %s: %s", first->name, second->name,
            listen(b, 4) == 0 ? "both listen" : error_name(errno));
        close(a);
        close(b);
    }
}

static void client_none(const struct sockaddr_in *server)
{
}

const struct scenario scenarios_taken[] = {
    {"taken", serve_taken, client_none, false},
    {"taken_race", serve_taken_race, client_none, false},
    {NULL, NULL, NULL, false},
};
