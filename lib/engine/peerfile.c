/* SPDX-License-Identifier: MIT */
#include "peerfile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "clock.h"
#include "log.h"

#define NAME    "peers"
#define HEAD    "mptcpshim-peers 1\n"
#define PAUSE_S 1.0

#define LINE_ROOM 128

struct entry {
    uint64_t netns;
    int64_t expires; /* seconds since 1970 */
    struct mps_addr addr;
};

/* One that is of no use in other places is no use to read there: addresses repeat. */
static uint64_t own_netns(void)
{
    struct stat st;

    return stat("/proc/self/ns/net", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

/* ---- files that are ours alone ---- */

static bool is_private(int fd, mode_t type)
{
    struct stat st;

    return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type && st.st_uid == geteuid() &&
           (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int checked(int fd, mode_t type)
{
    if (fd >= 0 && !is_private(fd, type)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_directory(const char *dir)
{
    return checked(open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), S_IFDIR);
}

/* ---- lines ---- */

static bool parse_addr(const char *text, unsigned port, struct mps_addr *ret)
{
    struct mps_addr addr;

    memset(&addr, 0, sizeof(addr));
    if (inet_pton(AF_INET, text, addr.ip) == 1)
        addr.family = MPS_AF_INET;
    else if (inet_pton(AF_INET6, text, addr.ip) == 1)
        addr.family = MPS_AF_INET6;
    else
        return false;
    if (port == 0 || port > UINT16_MAX)
        return false;
    addr.port = (uint16_t)port;
    *ret = addr;
    return true;
}

static bool parse_line(const char *line, int64_t now, struct entry *ret)
{
    const int64_t longest = (int64_t)(MPS_PEERS_LIFETIME / MPS_SEC);
    char ip[INET6_ADDRSTRLEN], more;
    struct entry e;
    unsigned port;

    if (sscanf(line, "%19" SCNu64 " %18" SCNd64 " %5u %45s %c", &e.netns, &e.expires, &port, ip,
               &more) != 4)
        return false;
    /* One that lives longer than any that we write is not from us, or the clock was moved. */
    if (e.expires <= now || e.expires > now + longest || !parse_addr(ip, port, &e.addr))
        return false;
    *ret = e;
    return true;
}

static unsigned parse(char *text, int64_t now, struct entry *ret)
{
    char *rest = text + strlen(HEAD), *line;
    unsigned n = 0;

    if (strncmp(text, HEAD, strlen(HEAD)) != 0)
        return 0;
    while (n < MPS_PEERS_MAX && (line = strsep(&rest, "\n")))
        n += parse_line(line, now, &ret[n]);
    return n;
}

static size_t format(const struct entry *e, char out[LINE_ROOM])
{
    char ip[INET6_ADDRSTRLEN] = "";
    int n;

    inet_ntop(e->addr.family == MPS_AF_INET6 ? AF_INET6 : AF_INET, e->addr.ip, ip, sizeof(ip));
    n = snprintf(out, LINE_ROOM, "%" PRIu64 " %" PRId64 " %u %s\n", e->netns, e->expires,
                 e->addr.port, ip);
    return n > 0 && n < LINE_ROOM ? (size_t)n : 0;
}

/* ---- the file ---- */

static unsigned read_file(int dir, int64_t now, struct entry *ret)
{
    static char text[MPS_PEERFILE_MAX + 1]; /* used by the hub's thread only */
    int fd = checked(openat(dir, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), S_IFREG);
    size_t len = 0;
    ssize_t n;

    if (fd < 0)
        return 0;
    while (len < sizeof(text) && (n = read(fd, text + len, sizeof(text) - len)) > 0)
        len += (size_t)n;
    close(fd);
    if (len == 0 || len == sizeof(text))
        return 0;
    text[len] = '\0';
    return parse(text, now, ret);
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

static bool write_entries(int fd, const struct entry *e, unsigned n)
{
    static char text[sizeof(HEAD) + MPS_PEERS_MAX * LINE_ROOM];
    size_t len = strlen(HEAD);

    memcpy(text, HEAD, len);
    for (unsigned i = 0; i < n; i++)
        len += format(&e[i], text + len);
    return write_all(fd, text, len);
}

static bool replace_file(int dir, const struct entry *e, unsigned n)
{
    char name[32];
    bool done;
    int fd;

    snprintf(name, sizeof(name), NAME ".%ld", (long)getpid());
    unlinkat(dir, name, 0); /* left by a process of that number */
    fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    done = write_entries(fd, e, n);
    close(fd);
    done = done && renameat(dir, name, dir, NAME) == 0;
    if (!done)
        unlinkat(dir, name, 0);
    return done;
}

unsigned mps_peerfile_load(struct mps_peers *peers, const char *dir)
{
    static struct entry list[MPS_PEERS_MAX];
    int64_t wall = (int64_t)time(NULL);
    mps_time_t now = mps_clock_now();
    uint64_t netns = own_netns();
    int dirfd = open_directory(dir);
    unsigned n, taken = 0;

    if (dirfd < 0)
        return 0;
    n = read_file(dirfd, wall, list);
    close(dirfd);
    for (unsigned i = 0; i < n; i++) {
        if (list[i].netns != netns)
            continue;
        mps_peers_learn(peers, &list[i].addr, now + (mps_time_t)(list[i].expires - wall) * MPS_SEC,
                        now);
        taken++;
    }
    return taken;
}

static bool is_ours(const struct mps_peer *own, unsigned n, const struct mps_addr *addr)
{
    for (unsigned i = 0; i < n; i++) {
        if (mps_addr_equal(&own[i].addr, addr))
            return true;
    }
    return false;
}

/* What we know, then what the file knows of others. */
static unsigned merge(struct entry *file, unsigned n_file, const struct mps_peer *own,
                      unsigned n_own, struct entry *out)
{
    int64_t wall = (int64_t)time(NULL);
    mps_time_t now = mps_clock_now();
    uint64_t netns = own_netns();
    unsigned n = 0;

    for (unsigned i = 0; i < n_own; i++) {
        if (own[i].kind == MPS_PEER_PROVEN && own[i].expires > now)
            out[n++] = (struct entry){
                .netns = netns,
                .expires = wall + (int64_t)((own[i].expires - now) / MPS_SEC),
                .addr = own[i].addr,
            };
    }
    for (unsigned i = 0; i < n_file && n < MPS_PEERS_MAX; i++) {
        if (file[i].netns != netns || !is_ours(own, n_own, &file[i].addr))
            out[n++] = file[i];
    }
    return n;
}

bool mps_peerfile_save(struct mps_peers *peers, const char *dir)
{
    static struct entry file[MPS_PEERS_MAX], out[MPS_PEERS_MAX];
    static struct mps_peer own[MPS_PEERS_MAX];
    unsigned n_own = mps_peers_list(peers, own, mps_clock_now()), n_file;
    bool done;
    int dirfd;

    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return false;
    dirfd = open_directory(dir);
    if (dirfd < 0)
        return false;
    n_file = read_file(dirfd, (int64_t)time(NULL), file);
    done = replace_file(dirfd, out, merge(file, n_file, own, n_own, out));
    close(dirfd);
    return done;
}

/* ---- following the table ---- */

static void save(struct mps_peerfile *pf)
{
    pf->waiting = false;
    if (!mps_peerfile_save(pf->peers, pf->dir))
        mps_log("peerfile: %s: %s", pf->dir, strerror(errno));
    ev_timer_set(&pf->pause, PAUSE_S, 0.);
    ev_timer_start(pf->loop, &pf->pause);
}

static void on_changed(struct ev_loop *loop, ev_async *async, int revents)
{
    struct mps_peerfile *pf = async->data;

    if (ev_is_active(&pf->pause))
        pf->waiting = true;
    else
        save(pf);
}

static void on_pause(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct mps_peerfile *pf = timer->data;

    if (pf->waiting)
        save(pf);
}

static void table_changed(void *user)
{
    struct mps_peerfile *pf = user;

    ev_async_send(pf->loop, &pf->changed);
}

void mps_peerfile_start(struct mps_peerfile *pf, struct ev_loop *loop, struct mps_peers *peers,
                        const char *dir)
{
    unsigned n;

    memset(pf, 0, sizeof(*pf));
    pf->loop = loop;
    pf->peers = peers;
    pf->dir = dir;
    ev_async_init(&pf->changed, on_changed);
    pf->changed.data = pf;
    ev_async_start(loop, &pf->changed);
    ev_timer_init(&pf->pause, on_pause, PAUSE_S, 0.);
    pf->pause.data = pf;
    n = mps_peerfile_load(peers, dir);
    mps_log("peerfile: %u known peers", n);
    peers->user = pf;
    peers->changed = table_changed;
}

void mps_peerfile_stop(struct mps_peerfile *pf)
{
    if (!pf->dir)
        return;
    pf->peers->changed = NULL;
    if (pf->waiting || ev_async_pending(&pf->changed))
        save(pf);
    ev_async_stop(pf->loop, &pf->changed);
    ev_timer_stop(pf->loop, &pf->pause);
    pf->dir = NULL;
}
