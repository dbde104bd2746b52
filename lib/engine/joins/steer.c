/* SPDX-License-Identifier: MIT */
#include "steer.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/err.h"
#include "handover/marks.h"
#include "handover/message.h"
#include "handover/share.h"
#include "engine/show/log.h"
#include "engine/net/sock.h"

/* Between two looks at the listeners; they take some 40 us. */
#define CHECK_S      0.1
#define CHECK_HELD_S 0.25 /* while the ends of their processes are noticed at once */
#define BACKLOG      128

/* Offsets within the network header. */
#define OFF(x) ((unsigned)SKF_NET_OFF + (x))

/*
 * For a TCP SYN whose window is that of a join: index 1, of a large one: 2; else 0. At a listener's
 * lookup the network header is at SKF_NET_OFF for both families; X becomes the offset of the TCP
 * header within it (40 for IPv6 without extension headers, which TCP SYNs do not carry). The window
 * has a fixed place, in whatever order the options come.
 */
static struct sock_filter filter_code[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, OFF(0)),
    BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 0, 4),
    /* IPv6 */
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, OFF(6)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 10),
    BPF_STMT(BPF_LDX | BPF_IMM, 40),
    BPF_STMT(BPF_JMP | BPF_JA, 1),
    /* IPv4 */
    BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, OFF(0)),
    /* TCP */
    BPF_STMT(BPF_LD | BPF_B | BPF_IND, OFF(13)),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x02, 0, 5),
    BPF_STMT(BPF_LD | BPF_H | BPF_IND, OFF(14)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MPS_MARK_JOIN_WINDOW, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MPS_MARK_JOIN_LARGE_WINDOW, 1, 2),
    BPF_STMT(BPF_RET | BPF_K, 1),
    BPF_STMT(BPF_RET | BPF_K, 2),
    BPF_STMT(BPF_RET | BPF_K, 0),
};

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    mps_steer_recheck(timer->data);
}

void mps_steer_init(struct mps_steer *self, struct ev_loop *loop,
                    void (*accepted)(struct mps_steer *self, int fd),
                    void (*dropped)(struct mps_steer *self, uint16_t port), void *user)
{
    memset(self, 0, sizeof(*self));
    self->loop = loop;
    self->accepted = accepted;
    self->dropped = dropped;
    self->user = user;
    mps_list_init(&self->entries);
    ev_timer_init(&self->timer, on_timer, CHECK_S, CHECK_S);
    self->timer.data = self;
}

/* As often as the listeners that are there need it. */
static void set_pace(struct mps_steer *self)
{
    const struct mps_steer_entry *e;
    double pace = self->n_entries > 0 ? CHECK_HELD_S : 0.;

    mps_list_for_each(e, &self->entries, struct mps_steer_entry, link) {
        if (!mps_holder_is_watched(&e->holder))
            pace = CHECK_S;
    }
    /* Listeners that come and go all the time do not put the next look off. */
    if (ev_is_active(&self->timer) && pace == self->timer.repeat)
        return;
    self->timer.repeat = pace;
    ev_timer_again(self->loop, &self->timer); /* stops it if that is 0 */
}

/* It may have been the last one that had the listener. */
static void on_holder_ended(void *user)
{
    struct mps_steer *self = ((struct mps_steer_entry *)user)->steer;

    mps_steer_recheck(self);
    set_pace(self);
}

static void entry_free(struct mps_steer_entry *e)
{
    struct mps_steer *self = e->steer;

    mps_acceptor_stop(&e->large);
    mps_acceptor_stop(&e->acceptor);
    mps_holder_forget(&e->holder);
    mps_list_remove(&e->link);
    self->n_entries--;
    free(e);
    set_pace(self);
}

void mps_steer_leave(struct mps_steer *self)
{
    struct mps_steer_entry *e, *tmp;

    mps_list_for_each_safe(e, tmp, &self->entries, struct mps_steer_entry, link)
        entry_free(e);
}

void mps_steer_deinit(struct mps_steer *self)
{
    mps_steer_leave(self);
}

static void on_accepted(void *user, int fd)
{
    struct mps_steer_entry *e = user;

    /* Not steered: the application's listener is gone and ours about to be. Without us this SYN
     * would have met a closed port. */
    if (!mps_mark_is_join(mps_marks_saved_syn(fd)))
        mps_sock_reset(fd);
    else
        e->steer->accepted(e->steer, fd);
}

/* Same binding as the application's listener; children must not hinder its restart. */
static void copy_binding(int from, int to)
{
    char dev[64];
    socklen_t len = sizeof(dev);

    mps_sock_set_int(to, SOL_SOCKET, SO_REUSEADDR, 1);
    mps_sock_set_int(to, SOL_SOCKET, SO_REUSEPORT, 1);
    if (mps_sock_get_int(from, IPPROTO_IP, IP_FREEBIND, 0) == 1)
        mps_sock_set_int(to, IPPROTO_IP, IP_FREEBIND, 1);
    if (mps_sock_get_int(from, SOL_SOCKET, SO_DOMAIN, 0) == AF_INET6)
        mps_sock_set_int(to, IPPROTO_IPV6, IPV6_V6ONLY,
                         mps_sock_get_int(from, IPPROTO_IPV6, IPV6_V6ONLY, 0));
    if (getsockopt(from, SOL_SOCKET, SO_BINDTODEVICE, dev, &len) == 0 && len > 1 &&
        setsockopt(to, SOL_SOCKET, SO_BINDTODEVICE, dev, len) < 0)
        mps_log("steer: SO_BINDTODEVICE: %s", strerror(errno));
}

static bool attach_filter(int fd)
{
    struct sock_fprog prog = {
        .len = sizeof(filter_code) / sizeof(filter_code[0]),
        .filter = filter_code,
    };

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof(prog)) == 0;
}

/* A listener of ours beside the application's, which answers `mark`; or -1. */
static int open_beside(int app_fd, unsigned mark)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    int fd;

    if (getsockname(app_fd, (struct sockaddr *)&ss, &len) < 0)
        return -1;
    fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return -1;
    copy_binding(app_fd, fd);
    /* The filter comes first: from our listen() on, no ordinary SYN may reach us. */
    if (bind(fd, (struct sockaddr *)&ss, len) < 0 || mps_marks_prepare_agent(fd, mark) < 0 ||
        !attach_filter(app_fd) || listen(fd, BACKLOG) < 0) {
        mps_log("steer: cannot share the port: %s", strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

static void share_all(struct mps_steer *self, uint16_t port, int share)
{
    struct mps_steer_entry *e;

    mps_list_for_each(e, &self->entries, struct mps_steer_entry, link) {
        /* Two are there: this one is the second of three, whichever end Linux looks from. */
        if (e->where.addr.port == port && e->large.fd >= 0)
            mps_sock_set_int(e->acceptor.fd, SOL_SOCKET, SO_REUSEPORT, share);
    }
}

/*
 * The group is complete, and with one in it that no longer shares nobody else joins: a second
 * server, of the same user and with SO_REUSEPORT, meets EADDRINUSE as without us. It is to be one
 * that is not found first when a SYN comes: that one has to say that it is one of a group. Which
 * one is found first differs with the family (IPv4: the last, IPv6: the first).
 */
static void close_group(struct mps_steer *self, int app_fd, uint16_t port)
{
    int r;

    share_all(self, port, 1);
    r = mps_share_park(app_fd);
    if (r < 0)
        mps_log("steer: port %u: others can share it: %s", port, strerror(-r));
    share_all(self, port, 0);
}

int mps_steer_add(struct mps_steer *self, int fd, pid_t pid, bool steer)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    struct mps_steer_entry *e;
    struct mps_lswatch_id id;
    bool alive;
    int beside, large;

    if (!mps_sock_is_tcp(fd) || mps_sock_get_int(fd, SOL_SOCKET, SO_ACCEPTCONN, 0) != 1 ||
        mps_lswatch_identify(fd, &id) < 0 || getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
        return MPS_ESYS;
    if (self->n_entries >= MPS_LSWATCH_MAX)
        return MPS_ELIMIT;
    /* Without sock_diag and /proc nobody would tell when to leave the port. */
    if (mps_lswatch_check(&id, 1, &alive) < 0)
        return MPS_ESYS;
    mps_list_for_each(e, &self->entries, struct mps_steer_entry, link) {
        if (e->id.cookie == id.cookie)
            return 0; /* listen() called again */
    }
    e = calloc(1, sizeof(*e));
    if (!e)
        return MPS_ENOMEM;
    e->steer = self;
    e->id = id;
    e->where.v6_only =
        ss.ss_family == AF_INET6 && mps_sock_get_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) == 1;
    mps_sock_to_addr(&ss, &e->where.addr);
    e->acceptor.fd = e->large.fd = -1;
    beside = steer ? open_beside(fd, MPS_MARK_AGENT) : -1;
    if (beside >= 0)
        mps_acceptor_start(&e->acceptor, self->loop, beside, on_accepted, e);
    /* The order of listen() is that of the group. */
    large = beside >= 0 ? open_beside(fd, MPS_MARK_AGENT_LARGE) : -1;
    if (large >= 0)
        mps_acceptor_start(&e->large, self->loop, large, on_accepted, e);
    mps_list_push_back(&self->entries, &e->link);
    self->n_entries++;
    if (large >= 0)
        close_group(self, fd, e->where.addr.port);
    mps_holder_watch(&e->holder, self->loop, pid, on_holder_ended, e);
    set_pace(self);
    mps_log("steer: port %u %s", e->where.addr.port, beside >= 0 ? "steered" : "watched");
    return 0;
}

static void entry_gone(struct mps_steer_entry *e)
{
    struct mps_steer *self = e->steer;
    uint16_t port = e->where.addr.port;

    mps_log("steer: the listener of port %u is gone", port);
    entry_free(e);
    self->dropped(self, port);
}

unsigned mps_steer_recheck(struct mps_steer *self)
{
    struct mps_lswatch_id ids[MPS_LSWATCH_MAX];
    bool alive[MPS_LSWATCH_MAX];
    struct mps_steer_entry *e, *tmp;
    unsigned n = 0, gone = 0;

    mps_list_for_each(e, &self->entries, struct mps_steer_entry, link)
        ids[n++] = e->id;
    if (n == 0 || mps_lswatch_check(ids, n, alive) < 0)
        return 0;
    n = 0;
    mps_list_for_each_safe(e, tmp, &self->entries, struct mps_steer_entry, link) {
        if (alive[n++])
            continue;
        entry_gone(e);
        gone++;
    }
    return gone;
}

static bool is_any(const struct mps_addr *addr)
{
    static const uint8_t zero[16];

    return memcmp(addr->ip, zero, sizeof(zero)) == 0;
}

unsigned mps_steer_list(const struct mps_steer *self, struct mps_steered ret[MPS_LSWATCH_MAX])
{
    struct mps_steer_entry *e;
    unsigned n = 0;

    mps_list_for_each(e, &self->entries, struct mps_steer_entry, link) {
        if (n == MPS_LSWATCH_MAX)
            break;
        ret[n] = e->where;
        ret[n++].steered = e->acceptor.fd >= 0;
    }
    return n;
}

static bool is_any_for(const struct mps_steered *w, const struct mps_addr *addr)
{
    return is_any(&w->addr) &&
           (w->addr.family == addr->family || (w->addr.family == MPS_AF_INET6 && !w->v6_only));
}

bool mps_steered_cover(const struct mps_steered *list, unsigned n, const struct mps_addr *addr)
{
    for (unsigned i = 0; i < n; i++) {
        const struct mps_steered *w = &list[i];

        if (w->addr.port == addr->port && w->steered &&
            (mps_addr_same_ip(&w->addr, addr) || is_any_for(w, addr)))
            return true;
    }
    return false;
}

bool mps_steered_bound(const struct mps_steered *list, unsigned n, const struct mps_addr *local)
{
    bool bound = false;

    for (unsigned i = 0; i < n; i++) {
        const struct mps_steered *w = &list[i];

        if (w->addr.port == local->port && is_any_for(w, local))
            return false;
        bound |= mps_addr_equal(&w->addr, local);
    }
    return bound;
}
