/* SPDX-License-Identifier: MIT */
/* Moves bytes between the core, the application's end and the subflows, and obeys the events. */
#include "mpconn_int.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "app.h"
#include "engine/agent/clock.h"
#include "engine/net/connector.h"
#include "core/base/constants.h"
#include "engine/agent/engine.h"
#include "engine/joins/joinable.h"
#include "engine/show/log.h"
#include "feed.h"
#include "sflow.h"
#include "sndbuf.h"
#include "engine/net/sock.h"

#define ROUNDS     8          /* per run */
#define APP_BUDGET (1u << 20) /* bytes per round and direction */
#define ROOM_RETRY (5 * MPS_MSEC)
#define LACK_RETRY (10 * MPS_MSEC)
#define IMPATIENCE (250 * MPS_MSEC)

/* ---- events of the core ---- */

static void open_subflow(struct mps_mpconn *mp, const struct mps_event *ev, mps_time_t now)
{
    char from[MPS_SOCK_TEXT_LEN], to[MPS_SOCK_TEXT_LEN];
    struct mps_connector_path path = {ev->local, ev->remote, ev->ifindex};
    bool claim;
    mps_time_t avoid = mps_joinable_avoid(mp, ev, &claim, now);
    /* Boxes that take marks off are in the way to listed peers. */
    bool large = !mp->listed && !mp->small_joins && mps_connector_takes_large(&path);
    struct mps_sflow *f = NULL;
    int fd;

    if (avoid != 0) {
        mps_subflow_avoid(ev->subflow, avoid, now);
        return;
    }
    fd = mps_connector_join(&path, large, &mp->ac->sockopts);
    mps_log("mpconn %08x: join %s to %s%s%s%s", mp->token, mps_sock_text(&ev->local, from),
            mps_sock_text(&ev->remote, to), large ? ", large segments" : "", fd < 0 ? ": " : "",
            fd < 0 ? strerror(errno) : "");
    if (fd >= 0 && mps_joinable_needs_mark(mp, &ev->remote) && !mps_connector_is_marked(fd)) {
        mps_log("mpconn %08x: the route takes the mark away", mp->token);
        close(fd);
        mps_subflow_avoid(ev->subflow, now + MPS_RETRY_MAX, now);
        return;
    }
    if (fd >= 0)
        f = mps_mpconn_add_flow(mp, ev->subflow, fd, true, &ev->local, ev->ifindex);
    if (f) {
        f->claim = claim;
        f->large = large;
        f->path = path;
        f->opts = &mp->ac->sockopts;
        f->needs_mark = mps_joinable_needs_mark(mp, &ev->remote);
        return;
    }
    if (fd >= 0)
        close(fd);
    mps_subflow_down(ev->subflow, false, MPS_REASON_UNSPECIFIED, now);
}

static void close_subflow(struct mps_mpconn *mp, const struct mps_event *ev)
{
    struct mps_sflow *f = mps_subflow_user(ev->subflow);
    bool drained;
    int fd;

    if (f) {
        /* Large segments may be what the path swallows. */
        if (f->large && (f->error != 0 || ev->reason == MPS_REASON_BAD_PERFORMANCE))
            mp->small_joins = true;
        mps_joinable_learn(mp, f, ev, mps_clock_now());
        drained = f->peer_eof || f->connecting;
        fd = mps_sflow_free(f);
        if (fd >= 0 && ev->reset)
            mps_sock_reset(fd);
        else if (fd >= 0 && drained)
            mps_sock_close(fd);
        else if (fd >= 0)
            mps_linger_add(&mp->eng->linger, fd);
    }
    mps_log("mpconn %08x: subflow closed%s, reason %d", mp->token, ev->reset ? " by reset" : "",
            ev->reason);
    mps_subflow_release(ev->subflow);
}

static void pass_reset(struct mps_mpconn *mp, mps_time_t now);

static void tell_owner(struct mps_mpconn *mp, const struct mps_event *ev)
{
    const struct mps_sflow *f = ev->subflow ? mps_subflow_user(ev->subflow) : NULL;
    struct mps_mpconn_link link;

    if (f)
        link = (struct mps_mpconn_link){.ifname = f->ifname, .error = f->error};
    mp->owner.event(mp->owner.user, ev, f ? &link : NULL);
}

static void handle_event(struct mps_mpconn *mp, const struct mps_event *ev, mps_time_t now)
{
    tell_owner(mp, ev);
    switch (ev->type) {
    case MPS_EV_ESTABLISHED:
        mps_log("mpconn %08x: established", mp->token);
        mp->established = true;
        break;
    case MPS_EV_PLAIN:
        mp->plain = true;
        mp->plain_reason = ev->reason;
        break;
    case MPS_EV_UNANSWERED:
        mps_log("mpconn %08x: no answer to early data", mp->token);
        break;
    case MPS_EV_OPEN:
        open_subflow(mp, ev, now);
        break;
    case MPS_EV_SUBFLOW_UP:
        if (mps_subflow_user(ev->subflow))
            mps_joinable_works(mp, mps_subflow_user(ev->subflow), ev, now);
        break;
    case MPS_EV_SUBFLOW_CLOSE:
        close_subflow(mp, ev);
        break;
    case MPS_EV_REWRITTEN:
        mps_log("mpconn %08x: a box changes bytes", mp->token);
        mps_pathmem_set(mp->eng->pathmem, MPS_PATHMEM_REWRITES, &ev->local, &ev->remote, now);
        break;
    case MPS_EV_FORGED:
        mps_log("mpconn %08x: somebody forges frames", mp->token);
        mps_pathmem_set(mp->eng->pathmem, MPS_PATHMEM_FORGES, &ev->local, &ev->remote, now);
        break;
    case MPS_EV_RESET:
        mps_log("mpconn %08x: reset, reason %d", mp->token, ev->reason);
        mp->resetting = !mp->closed;
        pass_reset(mp, now);
        break;
    case MPS_EV_CLOSED:
        mp->over = true;
        break;
    default:
        break;
    }
}

static void drain_events(struct mps_mpconn *mp, mps_time_t now)
{
    struct mps_event ev;

    while (!mp->plain && !mp->over && mps_conn_next_event(mp->core, &ev) > 0)
        handle_event(mp, &ev, now);
}

/* ---- the pumps ---- */

/* In-order bytes to the application; true if any went. */
static bool app_write(struct mps_mpconn *mp, mps_time_t now)
{
    struct mps_app *app = &mp->ac->app;
    size_t done;

    if (app->fd < 0 || mp->closed)
        return false;
    done = mps_feed_app(mp->core, app, now);
    if (mps_conn_app_rx_eof(mp->core))
        mps_app_fin(app);
    if (done > 0)
        mps_exchange_note(&mp->exchange, false, done, now);
    return done > 0;
}

/* As on TCP, what came before the reset stays readable, however slowly it is read. */
static void pass_reset(struct mps_mpconn *mp, mps_time_t now)
{
    struct mps_span span;

    if (!mp->resetting)
        return;
    while (app_write(mp, now))
        ;
    if (!mp->ac->app.hup && !mp->ac->app.failed && mps_conn_app_rx_spans(mp->core, &span, 1) > 0)
        return;
    /* As on TCP: who was told of the end reads just that, and is refused when it writes. */
    if (mps_conn_app_rx_eof(mp->core))
        mps_app_close(&mp->ac->app);
    else
        mps_app_reset(&mp->ac->app);
    mp->resetting = false;
    mp->closed = true;
}

static bool write_subflows(struct mps_mpconn *mp, mps_time_t now)
{
    struct mps_sflow *f, *tmp;
    bool any = false;

    mps_list_for_each_safe(f, tmp, &mp->flows, struct mps_sflow, link)
        any |= mps_sflow_write(f, now);
    return any;
}

/* The application closed: nobody is left to reset or to write to. */
static void app_gone(struct mps_mpconn *mp, bool abort, mps_time_t now)
{
    /* What the application wrote before is to be under way on TCP when the reset follows. */
    if (abort) {
        mps_conn_push(mp->core, now);
        write_subflows(mp, now);
    }
    /* The program lost its patience, maybe with a peer that does not answer. */
    if (abort && now - mp->since >= IMPATIENCE)
        mp->owner.impatient(mp->owner.user);
    mp->closed = true;
    mps_log("mpconn %08x: the application %s", mp->token, abort ? "aborted" : "closed");
    if (abort)
        mp->ac->end = "aborted";
    if (abort)
        mps_conn_abort(mp->core, now);
    else
        mps_conn_app_close(mp->core, now);
    /*
     * An application that lives, at the other end of a socket that failed, must not see an end that
     * looks orderly.
     */
    if (abort && !mp->ac->app.hup && !mp->ac->app.err)
        mps_app_reset(&mp->ac->app);
    else
        mps_app_close(&mp->ac->app);
}

static void app_ended(struct mps_mpconn *mp, int how, mps_time_t now)
{
    struct mps_app *app = &mp->ac->app;

    if (how == MPS_APP_RESET || (mp->ac->sockopts.linger_abort && mps_app_closed_early(app))) {
        app_gone(mp, true, now);
    } else if (app->hup) {
        app_gone(mp, false, now);
    } else if (!mp->fin_done) {
        mp->fin_done = true;
        mps_conn_app_fin(mp->core, now);
    }
}

/* Bytes of the application into the core; true if any came. */
static bool app_read(struct mps_mpconn *mp, mps_time_t now)
{
    struct mps_app *app = &mp->ac->app;
    size_t done = 0;

    if (app->fd < 0 || mp->closed || mp->resetting)
        return false;
    if (mp->fin_done) {
        if (app->hup)
            app_ended(mp, app->err ? MPS_APP_RESET : MPS_APP_EOF, now);
        return false;
    }
    /* A look before a place is taken: an idle connection holds no send buffer. */
    while (done < APP_BUDGET && mps_app_readable(app)) {
        struct mps_span space = {.n = 0};
        size_t n = 0;
        int how;

        /* Short of memory: the bytes wait where they are. */
        mp->starved = mps_conn_app_tx_space(mp->core, &space) < 0;
        if (mp->starved || space.n == 0) {
            if (app->err)
                app_gone(mp, true, now);
            break;
        }
        how = mps_app_read(app, space.p, space.n, &n);
        if (how != 0) {
            app_ended(mp, how, now);
            break;
        }
        mps_conn_app_tx_done(mp->core, n, now);
        if (app->urgent)
            mps_conn_app_tx_urgent(mp->core);
        if (n == 0)
            break;
        done += n;
    }
    if (done > 0)
        mps_exchange_note(&mp->exchange, true, done, now);
    return done > 0;
}

static void measure(struct mps_mpconn *mp, bool force, mps_time_t now)
{
    struct mps_sflow *f;

    mps_list_for_each(f, &mp->flows, struct mps_sflow, link)
        mps_sflow_measure(f, force, now);
}

static bool wants_room(const struct mps_mpconn *mp)
{
    struct mps_sflow *f;

    mps_list_for_each(f, &mp->flows, struct mps_sflow, link) {
        if (!f->dead && !f->connecting && mps_subflow_wants_room(f->sf))
            return true;
    }
    return false;
}

static void set_timer(struct mps_mpconn *mp, mps_time_t now)
{
    mps_time_t at = mps_conn_deadline(mp->core);
    struct mps_sflow *f;

    if (mp->starved && at > now + LACK_RETRY)
        at = now + LACK_RETRY;
    mps_list_for_each(f, &mp->flows, struct mps_sflow, link) {
        mps_sflow_arm(f);
        if (f->starved && at > now + LACK_RETRY)
            at = now + LACK_RETRY;
        if (f->woke_for_nothing && at > now + ROOM_RETRY && !f->dead &&
            mps_subflow_wants_room(f->sf))
            at = now + ROOM_RETRY;
    }
    /* A timer that fires early costs less than one moved at each run. */
    if (at == MPS_NEVER || mp->timer_at <= at)
        return;
    ev_timer_stop(mp->eng->loop, &mp->timer);
    ev_now_update(mp->eng->loop);
    ev_timer_set(&mp->timer, at > now ? (double)(at - now) / (double)MPS_SEC : 0., 0.);
    ev_timer_start(mp->eng->loop, &mp->timer);
    mp->timer_at = at;
}

static enum mps_mpconn_verdict verdict_of(enum mps_reason plain)
{
    if (plain == MPS_REASON_UNSPECIFIED)
        return MPS_MPCONN_REFUSED;
    if (plain == MPS_REASON_ADDRESS_GONE)
        return MPS_MPCONN_HOMELESS;
    return plain == MPS_REASON_MIDDLEBOX ? MPS_MPCONN_UNHEARD : MPS_MPCONN_PLAIN;
}

enum mps_mpconn_verdict mps_mpconn_run(struct mps_mpconn *mp, bool *ret_more)
{
    mps_time_t now = mps_clock_now();
    bool moved = true;

    if (mps_conn_deadline(mp->core) <= now) {
        measure(mp, true, now);
        mps_conn_expire(mp->core, now);
    }
    pass_reset(mp, now);
    for (unsigned i = 0; i < ROUNDS && moved && !mp->plain && !mp->over; i++) {
        moved = app_write(mp, now);
        if (mp->ac->app.failed && !mp->closed)
            app_gone(mp, true, now);
        moved |= app_read(mp, now);
        if (i > 0 && !moved && !wants_room(mp))
            break;
        measure(mp, false, now);
        mps_pacing_run(mp, now);
        mps_conn_push(mp->core, now);
        drain_events(mp, now);
        if (mp->plain || mp->over)
            break;
        moved |= write_subflows(mp, now);
        drain_events(mp, now);
    }
    mps_sndbuf_let_go(mp);
    if (mp->over && mp->resetting) {
        *ret_more = false;
        return MPS_MPCONN_GOES_ON;
    }
    if (mp->over) {
        app_write(mp, now);
        mps_app_close(&mp->ac->app);
        return MPS_MPCONN_OVER;
    }
    if (mp->plain)
        return verdict_of(mp->plain_reason);
    set_timer(mp, now);
    if (mps_exchange_is_quick(&mp->exchange, now))
        mps_busypoll_go_on(&mp->eng->busypoll, now);
    *ret_more = moved;
    return MPS_MPCONN_GOES_ON;
}
