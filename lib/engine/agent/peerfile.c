/* SPDX-License-Identifier: MIT */
#include "peerfile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "clock.h"
#include "engine/show/log.h"

#define NAME    "peers"
#define HEAD    "mptcpshim-peers 2\n"
#define PAUSE_S 1.0

#define LINE_ROOM 128

struct entry {
    uint64_t netns;
    int64_t expires; /* milliseconds since 1970 */
    struct mps_addr addr;
    enum mps_peer_kind kind;
};

/* Guards the buffers below, and the file among the threads of one agent. */
static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER;

static int64_t wall_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* An entry holds in its network namespace only: the same addresses are other hosts elsewhere. */
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

/*
 * A peer that ends all marked connections is worth a try by each agent: a try costs a round trip.
 */
static const char *word_of(enum mps_peer_kind kind)
{
    switch (kind) {
    case MPS_PEER_PROVEN:
        return "shim";
    case MPS_PEER_PLAIN:
        return "plain";
    default:
        return "doubt";
    }
}

static bool parse_kind(const char *word, enum mps_peer_kind *ret)
{
    static const enum mps_peer_kind kinds[] = {MPS_PEER_PROVEN, MPS_PEER_PLAIN, MPS_PEER_FAILED};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(word, word_of(kinds[i])) == 0) {
            *ret = kinds[i];
            return true;
        }
    }
    return false;
}

static bool parse_line(const char *line, int64_t now, struct entry *ret)
{
    const int64_t longest = (int64_t)(MPS_PEERS_LIFETIME / MPS_MSEC);
    char ip[INET6_ADDRSTRLEN], kind[8], more;
    struct entry e;
    unsigned port;

    if (sscanf(line, "%19" SCNu64 " %18" SCNd64 " %5u %45s %7s %c", &e.netns, &e.expires, &port, ip,
               kind, &more) != 5 ||
        !parse_kind(kind, &e.kind))
        return false;
    /* An entry that lives longer than any that we write is not from us, or the clock was moved. */
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
    n = snprintf(out, LINE_ROOM, "%" PRIu64 " %" PRId64 " %u %s %s\n", e->netns, e->expires,
                 e->addr.port, ip, word_of(e->kind));
    return n > 0 && n < LINE_ROOM ? (size_t)n : 0;
}

/* ---- the file ---- */

static unsigned read_file(int dir, int64_t now, struct entry *ret)
{
    static char text[MPS_PEERFILE_MAX + 1];
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

/* `list` has room for MPS_PEERS_MAX. */
static unsigned read_list(const char *dir, int64_t wall, struct entry *list)
{
    int dirfd = open_directory(dir);
    unsigned n;

    if (dirfd < 0)
        return 0;
    n = read_file(dirfd, wall, list);
    close(dirfd);
    return n;
}

unsigned mps_peerfile_load(struct mps_peers *peers, const char *dir)
{
    static struct entry list[MPS_PEERS_MAX];
    uint64_t netns = own_netns();
    unsigned n, taken = 0;
    mps_time_t now;
    int64_t wall;

    pthread_mutex_lock(&file_lock);
    wall = wall_ms();
    now = mps_clock_now();
    n = read_list(dir, wall, list);
    for (unsigned i = 0; i < n; i++) {
        if (list[i].netns != netns)
            continue;
        mps_peers_learn(peers, &list[i].addr, list[i].kind,
                        now + (mps_time_t)(list[i].expires - wall) * MPS_MSEC, now);
        taken++;
    }
    pthread_mutex_unlock(&file_lock);
    return taken;
}

static struct entry *entry_for(struct entry *list, unsigned n, uint64_t netns,
                               const struct mps_addr *addr)
{
    for (unsigned i = 0; i < n; i++) {
        if (list[i].netns == netns && mps_addr_equal(&list[i].addr, addr))
            return &list[i];
    }
    return NULL;
}

/* Of two findings of the same time, the bad news counts. */
static bool is_newer(const struct entry *file, const struct entry *own)
{
    const int64_t same = MPS_PEERS_SAME / MPS_MSEC;

    if (file->expires > own->expires + same)
        return true;
    return file->expires >= own->expires - same && own->kind == MPS_PEER_PROVEN;
}

/* Puts together what we know, and then what the file knows of other peers. */
static unsigned merge(struct entry *file, unsigned n_file, const struct mps_peer *own,
                      unsigned n_own, struct entry *out)
{
    int64_t wall = wall_ms();
    mps_time_t now = mps_clock_now();
    uint64_t netns = own_netns();
    unsigned n = 0;

    for (unsigned i = 0; i < n_own; i++) {
        struct entry e = {
            .netns = netns,
            .expires = wall + (int64_t)((own[i].expires - now) / MPS_MSEC),
            .addr = own[i].addr,
            .kind = own[i].kind,
        };
        const struct entry *other = entry_for(file, n_file, netns, &e.addr);

        if (own[i].expires > now)
            out[n++] = other && is_newer(other, &e) ? *other : e;
    }
    for (unsigned i = 0; i < n_file && n < MPS_PEERS_MAX; i++) {
        if (!entry_for(out, n, file[i].netns, &file[i].addr))
            out[n++] = file[i];
    }
    return n;
}

static bool save_locked(struct mps_peers *peers, const char *dir)
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
    n_file = read_file(dirfd, wall_ms(), file);
    done = replace_file(dirfd, out, merge(file, n_file, own, n_own, out));
    close(dirfd);
    return done;
}

bool mps_peerfile_save(struct mps_peers *peers, const char *dir)
{
    bool done;

    pthread_mutex_lock(&file_lock);
    done = save_locked(peers, dir);
    pthread_mutex_unlock(&file_lock);
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

    if (ev_is_active(&pf->pause) && !atomic_exchange(&pf->urgent, false))
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

static void table_changed(void *user, bool urgent)
{
    struct mps_peerfile *pf = user;

    if (urgent)
        atomic_store(&pf->urgent, true);
    ev_async_send(pf->loop, &pf->changed);
}

static bool file_version(const char *dir, struct mps_peerfile_version *ret)
{
    char name[PATH_MAX];
    struct stat st;
    int n = snprintf(name, sizeof(name), "%s/" NAME, dir);

    if (n <= 0 || (size_t)n >= sizeof(name) || lstat(name, &st) < 0)
        return false;
    *ret = (struct mps_peerfile_version){
        .inode = st.st_ino,
        .size = st.st_size,
        .mtime_s = st.st_mtim.tv_sec,
        .mtime_ns = st.st_mtim.tv_nsec,
    };
    return true;
}

/* The file was replaced since it was looked at last. */
static bool is_news(struct mps_peerfile *pf)
{
    struct mps_peerfile_version v;
    bool news;

    if (!file_version(pf->dir, &v))
        return false;
    pthread_mutex_lock(&pf->lock);
    news = v.inode != pf->seen.inode || v.size != pf->seen.size || v.mtime_s != pf->seen.mtime_s ||
           v.mtime_ns != pf->seen.mtime_ns;
    pf->seen = v;
    pthread_mutex_unlock(&pf->lock);
    return news;
}

static void table_refresh(void *user)
{
    struct mps_peerfile *pf = user;

    if (is_news(pf))
        mps_peerfile_load(pf->peers, pf->dir);
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
    pthread_mutex_init(&pf->lock, NULL);
    is_news(pf); /* before the file is read: what is written meanwhile is news */
    n = mps_peerfile_load(peers, dir);
    mps_log("peerfile: %u known peers", n);
    peers->user = pf;
    peers->changed = table_changed;
    peers->refresh = table_refresh;
}

void mps_peerfile_give(struct mps_peerfile *pf, uid_t uid, gid_t gid)
{
    int dir;

    if (!pf->dir)
        return;
    (void)mkdir(pf->dir, 0700);
    dir = open(pf->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return;
    /* Another agent has given it away before, perhaps. */
    if (fchown(dir, uid, gid) < 0 ||
        (fchownat(dir, NAME, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)) {
        mps_log("peerfile: %s: %s", pf->dir, strerror(errno));
        close(dir);
        return;
    }
    snprintf(pf->own_dir, sizeof(pf->own_dir), "/proc/self/fd/%d/.", dir);
    pf->dir = pf->own_dir;
}

void mps_peerfile_stop(struct mps_peerfile *pf)
{
    if (!pf->dir)
        return;
    pf->peers->changed = NULL;
    pf->peers->refresh = NULL;
    if (pf->waiting || ev_async_pending(&pf->changed))
        save(pf);
    ev_async_stop(pf->loop, &pf->changed);
    ev_timer_stop(pf->loop, &pf->pause);
    pthread_mutex_destroy(&pf->lock);
    pf->dir = NULL;
}
