/* SPDX-License-Identifier: MIT */
#include "sflow.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "bypass.h"
#include "engine/agent/clock.h"
#include "core/base/err.h"
#include "handover/marks.h"
#include "handover/message.h"
#include "engine/show/log.h"
#include "engine/net/sock.h"

/* Bytes read per event, so that one subflow cannot starve the others. */
#define READ_BUDGET  (1u << 20)
#define WRITE_ROUNDS 8

/* A subflow that ends before needs no timers but TCP's: no repetition comes that early. */
#define TIMERS_AFTER (10 * MPS_MSEC)

static void end(struct mps_sflow *f, bool orderly, enum mps_reason reason, mps_time_t now)
{
    ev_io_stop(f->loop, &f->io);
    f->dead = true;
    f->peer_eof = orderly;
    mps_subflow_down(f->sf, orderly, reason, now);
}

static enum mps_reason reason_of(const struct mps_sflow *f, int error)
{
    bool connecting = mps_subflow_state(f->sf) == MPS_SF_CONNECTING;

    if (connecting && error == ECONNREFUSED)
        return MPS_REASON_PROHIBITED;
    if (error == ETIMEDOUT || (!connecting && (error == EHOSTUNREACH || error == ENETUNREACH)))
        return MPS_REASON_TIMEOUT;
    return MPS_REASON_UNSPECIFIED;
}

static void failed(struct mps_sflow *f, int error, mps_time_t now)
{
    f->error = error;
    end(f, false, reason_of(f, error), now);
}

static void set_up(int fd)
{
    mps_sock_set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    mps_sock_set_int(fd, IPPROTO_TCP, TCP_CORK, 0);
    mps_sock_set_int(fd, SOL_SOCKET, SO_RCVLOWAT, 1);
}

/* The peer's MTU, or one in between, is smaller than ours: the mark has to be a small one. */
static bool connect_small(struct mps_sflow *f)
{
    int fd = mps_connector_join(&f->path, false, f->opts);

    if (fd < 0)
        return false;
    mps_log("subflow: no large segments on this path");
    ev_io_stop(f->loop, &f->io);
    close(f->fd);
    f->fd = fd;
    f->large = false;
    set_up(fd);
    ev_io_set(&f->io, fd, EV_WRITE);
    ev_io_start(f->loop, &f->io);
    return true;
}

static void finish_connect(struct mps_sflow *f, mps_time_t now)
{
    struct sockaddr_storage l, r;
    struct mps_addr local, remote;
    int rc = mps_connector_result(f->fd);

    if (rc == MPS_CONNECTOR_WAIT)
        return;
    if (rc == MPS_CONNECTOR_UNMARKED && f->large && connect_small(f))
        return;
    f->connecting = false;
    if (rc < 0 || mps_sock_names(f->fd, &l, &r) < 0) {
        mps_log("subflow: connect: %s", strerror(errno));
        f->large = false; /* no segment was large yet */
        failed(f, errno, now);
        return;
    }
    if (rc == MPS_CONNECTOR_UNMARKED && f->needs_mark) {
        mps_log("subflow: connected, but not to an agent");
        f->unmarked = true;
        f->met_program = mps_sock_peer_mss(f->fd) == MPS_MARK_LISTEN;
        end(f, false, MPS_REASON_MIDDLEBOX, now);
        return;
    }
    mps_sock_to_addr(&l, &local);
    mps_sock_to_addr(&r, &remote);
    if (rc == MPS_CONNECTOR_UNMARKED)
        mps_subflow_set_split(f->sf, now);
    if (mps_subflow_connected(f->sf, &local, &remote, now) < 0)
        end(f, false, MPS_REASON_UNSPECIFIED, now);
}

static size_t room_in(const struct mps_span *spans, unsigned n)
{
    size_t sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += spans[i].n;
    return sum;
}

/* The core's answer to bytes that it got: does the subflow go on? */
static bool goes_on(struct mps_sflow *f, int rc)
{
    if (rc == 0)
        return true;
    mps_log("subflow: ended while reading: %s", mps_strerror(rc));
    f->dead = true;
    ev_io_stop(f->loop, &f->io);
    return false;
}

/* Bytes into the core; returns how many, 0 if there is nothing more to be read now. */
static size_t read_in(struct mps_sflow *f, mps_time_t now)
{
    struct mps_span spans[2];
    unsigned n_spans = mps_subflow_rx_spans(f->sf, spans);
    ssize_t n;

    if (n_spans == 0)
        return 0;
    n = mps_sock_readv(f->fd, spans, n_spans);
    if (n < 0 && mps_sock_would_block(errno))
        return 0;
    if (n < 0 && mps_sock_is_lack(errno)) {
        f->starved = true;
    } else if (n < 0) {
        failed(f, errno, now);
    } else if (n == 0 && f->error != 0) {
        /* Behind an error that a write has met there is always an end. */
        failed(f, f->error, now);
    } else if (n == 0) {
        end(f, true, MPS_REASON_UNSPECIFIED, now);
    } else {
        f->lookout.touched = true;
        if (goes_on(f, mps_subflow_rx_done(f->sf, (size_t)n, now)) &&
            (size_t)n == room_in(spans, n_spans))
            return (size_t)n;
    }
    return 0;
}

/* Bytes past the core, as in read_in. */
static size_t read_around(struct mps_sflow *f, mps_time_t now)
{
    int rc;
    size_t n = mps_bypass_move(f->bypass, f->sf, f->fd, &rc, now);

    if (n > 0)
        f->lookout.touched = true;
    if (rc != MPS_ESYS)
        return goes_on(f, rc) ? n : 0;
    failed(f, EIO, now);
    return 0;
}

static void read_some(struct mps_sflow *f, mps_time_t now)
{
    mps_bypass_look(f->bypass, now);
    for (size_t done = 0, n; done < READ_BUDGET && !f->dead; done += n) {
        n = read_around(f, now);
        if (n == 0 && !f->dead)
            n = read_in(f, now);
        if (n == 0)
            return;
    }
}

/* A reset does not take back the bytes that came before it: they are read first. */
static void write_failed(struct mps_sflow *f, int error, mps_time_t now)
{
    f->error = error;
    for (unsigned i = 0; i < WRITE_ROUNDS && !f->dead; i++)
        read_some(f, now);
    if (!f->dead)
        failed(f, error, now);
}

static void on_io(struct ev_loop *loop, ev_io *io, int revents)
{
    struct mps_sflow *f = io->data;
    mps_time_t now = mps_clock_now();

    /* The loop could not watch it: as a lack of memory, which is waited for. */
    if (revents & EV_ERROR) {
        f->starved = f->unwatched = true;
    } else if (f->connecting) {
        finish_connect(f, now);
    } else {
        if (revents & EV_WRITE) {
            /* Room without anything written twice in a row: the scheduler has its reasons. */
            f->woke_for_nothing = !f->wrote;
            f->wrote = false;
            f->lookout.touched = true;
        }
        if (revents & EV_READ)
            read_some(f, now);
    }
    f->wake(f->user);
}

struct mps_sflow *mps_sflow_new(const struct mps_mem *mem, struct ev_loop *loop,
                                struct mps_subflow *sf, int fd, bool connecting,
                                void (*wake)(void *user), void *user)
{
    struct mps_sflow *f = mps_alloc(mem, sizeof(*f));

    if (!f)
        return NULL;
    f->mem = mem;
    f->loop = loop;
    f->sf = sf;
    f->fd = fd;
    f->connecting = connecting;
    f->needs_mark = true;
    f->timers_at =
        connecting ? MPS_NEVER : mps_clock_now() + TIMERS_AFTER; /* as connector.h says */
    f->lookout.touched = true;
    f->wrote = true;
    f->wake = wake;
    f->user = user;
    mps_list_init(&f->link);
    set_up(fd);
    ev_io_init(&f->io, on_io, fd, connecting ? EV_WRITE : EV_READ);
    f->io.data = f;
    ev_io_start(loop, &f->io);
    return f;
}

int mps_sflow_free(struct mps_sflow *f)
{
    int fd = f->fd;

    ev_io_stop(f->loop, &f->io);
    mps_list_remove(&f->link);
    mps_free(f->mem, f);
    return fd;
}

void mps_sflow_measure(struct mps_sflow *f, bool force, mps_time_t now)
{
    struct mps_metrics m;

    if (now >= f->timers_at && !f->dead) {
        f->timers_at = MPS_NEVER;
        mps_sock_subflow_timers(f->fd);
    }
    if (f->connecting || f->dead || (!force && !mps_lookout_due(&f->lookout, now)))
        return;
    if (mps_sock_metrics(f->fd, &m)) {
        mps_lookout_seen(&f->lookout, &m, now);
        mps_subflow_update(f->sf, &m, now);
    }
}

bool mps_sflow_write(struct mps_sflow *f, mps_time_t now)
{
    bool any = false;

    f->blocked = false;
    if (f->connecting || f->dead || f->starved)
        return false;
    for (unsigned i = 0; i < WRITE_ROUNDS; i++) {
        struct mps_span spans[MPS_SOCK_IOV_MAX];
        unsigned n_spans = mps_subflow_tx_spans(f->sf, spans, MPS_SOCK_IOV_MAX);
        size_t want;
        ssize_t n;

        if (n_spans == 0)
            break;
        want = room_in(spans, n_spans);
        n = mps_sock_writev(f->fd, spans, n_spans);
        if (n < 0 && mps_sock_is_lack(errno)) {
            f->starved = true;
            break;
        }
        if (n < 0 && !mps_sock_would_block(errno)) {
            int error = errno;

            mps_log("subflow: write: %s", strerror(error));
            write_failed(f, error, now);
            return true;
        }
        if (n > 0) {
            mps_subflow_tx_done(f->sf, (size_t)n, now);
            f->lookout.touched = f->wrote = any = true;
            f->woke_for_nothing = false;
        }
        if (n < (ssize_t)want) {
            f->blocked = true;
            break;
        }
    }
    return any;
}

/* Writable means room again. The limit follows the rate; small changes are not worth a call. */
static void set_notsent_limit(struct mps_sflow *f)
{
    uint32_t limit = mps_subflow_notsent_limit(f->sf);

    if (limit <= f->notsent_limit + f->notsent_limit / 4 && limit >= f->notsent_limit / 4 * 3)
        return;
    f->notsent_limit = limit;
    mps_sock_set_int(f->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, (int)limit);
}

void mps_sflow_arm(struct mps_sflow *f)
{
    int events = mps_subflow_rx_waits(f->sf) ? 0 : EV_READ;

    if (f->dead)
        return;
    if (f->connecting)
        events = EV_WRITE;
    else if (f->blocked || (mps_subflow_wants_room(f->sf) && !f->woke_for_nothing))
        events |= EV_WRITE;
    if (f->starved || events == 0) {
        ev_io_stop(f->loop, &f->io);
        return;
    }
    if (events & EV_WRITE && !f->connecting)
        set_notsent_limit(f);
    if (ev_is_active(&f->io) && (f->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(f->loop, &f->io);
    if (f->unwatched)
        ev_io_set(&f->io, f->fd, events); /* as in rewatch.h */
    else
        ev_io_modify(&f->io, events);
    f->unwatched = false;
    ev_io_start(f->loop, &f->io);
}
