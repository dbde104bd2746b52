/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/agent/clock.h"
#include "engine/net/connector.h"
#include "core/base/err.h"
#include "engine/agent/engine.h"
#include "engine/paths/locals.h"
#include "engine/paths/ownpaths.h"
#include "engine/show/log.h"
#include "mpconn.h"
#include "engine/net/peek.h"
#include "relay.h"
#include "engine/show/report.h"
#include "engine/show/watcher.h"

#define PLAIN_SPANS 16

void mps_session_on_wake(void *user)
{
    mps_session_wake(user);
}

void mps_session_wake(struct mps_session *s)
{
    mps_runq_add(&s->ac.eng->runq, &s->runnable);
}

static struct mps_report report_of(const struct mps_session *s)
{
    return (struct mps_report){.ac = &s->ac, .core = s->mp ? mps_mpconn_core(s->mp) : NULL};
}

void mps_session_free(struct mps_session *s)
{
    if (s->created)
        mps_report_closed(report_of(s));
    mps_watchers_free(&s->ac.watchers);
    mps_ownpaths_free(&s->ac);
    s->mp = mps_mpconn_free(s->mp);
    s->relay = mps_relay_free(s->relay);
    mps_app_reset(&s->ac.app);
    mps_list_remove(&s->link);
    mps_runnable_remove(&s->runnable);
    s->ac.eng->n_sessions--;
    mps_sockopts_deinit(&s->ac.sockopts);
    mps_appconn_forget_options(&s->ac);
    mps_account_close(&s->ac.account);
    free(s);
}

void mps_session_begin(struct mps_session *s)
{
    s->created = true;
    mps_report_session(report_of(s), "created");
    mps_session_wake(s);
}

/* ---- news of the multipath connection ---- */

/* The peer may be one that never answers: the next connection to it asks before it sends data. */
static void distrust(void *user)
{
    struct mps_session *s = user;
    struct mps_peers *peers = s->ac.eng->peers;
    mps_time_t now = mps_clock_now();

    if (s->ac.role == MPS_ROLE_CLIENT && !s->established &&
        mps_peers_find(peers, &s->ac.peer, now) == MPS_PEER_PROVEN)
        mps_peers_set(peers, &s->ac.peer, MPS_PEER_FAILED, now);
}

static void set_peer(struct mps_session *s, enum mps_peer_kind kind)
{
    if (s->ac.role == MPS_ROLE_CLIENT)
        mps_peers_set(s->ac.eng->peers, &s->ac.peer, kind, mps_clock_now());
}

static void on_reset(struct mps_session *s, enum mps_reason reason)
{
    s->ac.end = mps_report_end(reason);
    /* The next connection asks first, and can go back to plain TCP. */
    if (reason != MPS_REASON_ADDRESS_GONE)
        distrust(s);
    /* The only path changes bytes, as somebody may want it: plain TCP carries them so. */
    if (reason == MPS_REASON_MIDDLEBOX)
        set_peer(s, MPS_PEER_PLAIN);
    if (reason == MPS_REASON_TIMEOUT)
        mps_ends_add(&s->ac.eng->ends, s->ac.id, ETIMEDOUT);
}

static void on_event(void *user, const struct mps_event *ev, const struct mps_mpconn_link *link)
{
    struct mps_session *s = user;

    mps_report_event(report_of(s), ev, link ? link->ifname : NULL, link ? link->error : 0);
    switch (ev->type) {
    case MPS_EV_ESTABLISHED:
        s->established = true;
        set_peer(s, MPS_PEER_PROVEN);
        break;
    case MPS_EV_UNANSWERED:
        distrust(s);
        break;
    case MPS_EV_RESET:
        on_reset(s, ev->reason);
        break;
    case MPS_EV_CLOSED:
        if (!s->ac.end)
            s->ac.end = "finished";
        break;
    default:
        break;
    }
}

static void on_local(void *user, bool announced, const struct mps_addr *addr, const char *ifname)
{
    struct mps_session *s = user;

    mps_report_local(report_of(s), announced ? "address_announced" : "address_removed", addr,
                     ifname);
}

int mps_session_carry_multipath(struct mps_session *s, int fd, const struct mps_opening *hello)
{
    const struct mps_mpconn_owner owner = {mps_session_on_wake, on_event, on_local, distrust, s};

    return mps_mpconn_new(&s->mp, s, &s->ac, fd, hello, &owner);
}

/* ---- which way the bytes go ---- */

/* The local address of the connection; if the host has lost it, the kernel chooses one. */
static const struct mps_addr *source(const struct mps_session *s, struct mps_addr *room)
{
    if (s->ac.bound || mps_connector_has(&s->ac.local))
        return &s->ac.local;
    *room = (struct mps_addr){.family = s->ac.local.family};
    return room;
}

/* The peer is no shim, or cannot be one: a second, unmarked TCP connection from the same address.
 */
static int go_plain(struct mps_session *s)
{
    struct mps_conn *core = mps_mpconn_core(s->mp);
    struct mps_span spans[PLAIN_SPANS];
    struct mps_relay *relay;
    struct mps_addr from;
    uint64_t skip = 0;
    unsigned n;
    int fd;

    s->ac.sockopts.plain = true;
    fd = mps_connector_plain(source(s, &from), &s->ac.peer, &s->ac.sockopts);
    if (fd < 0)
        return MPS_ESYS;
    relay = mps_relay_new(s->ac.eng, &s->ac.account, &s->ac.app, fd, true, false, 0,
                          mps_session_on_wake, s);
    if (!relay) {
        close(fd);
        return MPS_ENOMEM;
    }
    while ((n = mps_conn_plain_spans(core, skip, spans, PLAIN_SPANS)) > 0) {
        for (unsigned i = 0; i < n; i++) {
            if (mps_relay_replay(relay, spans[i].p, spans[i].n) < 0) {
                mps_relay_free(relay);
                return MPS_ENOMEM;
            }
            skip += spans[i].n;
        }
    }
    s->mp = mps_mpconn_free(s->mp);
    s->ac.app.keeps = false;
    s->relay = relay;
    mps_log("session %llx: plain, %llu bytes replayed", (unsigned long long)s->ac.id,
            (unsigned long long)skip);
    return 0;
}

/* HELLO came on an accepted connection. */
static int go_multipath(struct mps_session *s)
{
    int rc = mps_session_carry_multipath(s, mps_relay_fd(s->relay), mps_relay_hello(s->relay));

    /* A key that is not ours: the client comes back without, by plain TCP. */
    if (rc == MPS_EAUTH)
        (void)mps_peek_say_refuse(mps_relay_fd(s->relay), MPS_REASON_PROHIBITED);
    if (rc < 0)
        return rc;
    mps_relay_take_fd(s->relay);
    s->relay = mps_relay_free(s->relay);
    s->ac.sockopts.plain = false;
    return 0;
}

static bool run_relay(struct mps_session *s, bool *ret_more)
{
    enum mps_relay_verdict verdict = mps_relay_run(s->relay, s->ac.sockopts.linger_abort, ret_more);

    if (verdict == MPS_RELAY_HELLO) {
        *ret_more = true;
        return go_multipath(s) == 0;
    }
    if (!s->plain_told && !mps_relay_waiting(s->relay)) {
        s->plain_told = true;
        if (s->ac.plain == MPS_PLAIN_NONE)
            s->ac.plain = MPS_PLAIN_NO_HELLO;
        mps_report_session(report_of(s), "plain");
    }
    if (verdict == MPS_RELAY_GOES_ON)
        return true;
    s->ac.end = verdict == MPS_RELAY_OVER ? "finished" : "reset";
    return false;
}

/*
 * A connection goes plain: what does that tell of the peer? If a box seems to keep the answer from
 * it, the path may have been bad: only the second such connection in a row makes the peer a plain
 * one.
 */
static void remember(struct mps_session *s, enum mps_mpconn_verdict verdict)
{
    struct mps_peers *peers = s->ac.eng->peers;
    mps_time_t now = mps_clock_now();
    enum mps_peer_kind kind = MPS_PEER_PLAIN;

    if (verdict == MPS_MPCONN_HOMELESS)
        return;
    if (verdict == MPS_MPCONN_REFUSED)
        kind = MPS_PEER_REFUSED;
    else if (verdict == MPS_MPCONN_UNHEARD &&
             mps_peers_find(peers, &s->ac.peer, now) != MPS_PEER_FAILED)
        kind = MPS_PEER_FAILED;
    mps_peers_set(peers, &s->ac.peer, kind, now);
}

static bool run_multipath(struct mps_session *s, bool *ret_more)
{
    enum mps_mpconn_verdict verdict =
        s->refused ? MPS_MPCONN_REFUSED : mps_mpconn_run(s->mp, ret_more);

    switch (verdict) {
    case MPS_MPCONN_PLAIN:
    case MPS_MPCONN_REFUSED:
    case MPS_MPCONN_UNHEARD:
    case MPS_MPCONN_HOMELESS:
        *ret_more = true;
        remember(s, verdict);
        s->ac.plain = verdict == MPS_MPCONN_REFUSED ? MPS_PLAIN_PEER_REFUSED : MPS_PLAIN_NO_ANSWER;
        return go_plain(s) == 0;
    case MPS_MPCONN_OVER:
        return false;
    default:
        return true;
    }
}

void mps_session_run(struct mps_session *s)
{
    const bool relayed = s->relay != NULL;
    bool more = false, alive = relayed ? run_relay(s, &more) : run_multipath(s, &more);

    /* HELLO has come: its answer does not wait for the next round of the loop. */
    if (alive && relayed && s->mp)
        alive = run_multipath(s, &more);
    if (!alive) {
        mps_session_free(s);
        return;
    }
    if (more)
        mps_session_wake(s);
}

void mps_session_join(struct mps_session *s, int fd, const struct mps_opening *join)
{
    if (!s->mp) {
        mps_peek_refuse(fd, MPS_REASON_UNKNOWN_TOKEN);
        return;
    }
    mps_mpconn_join(s->mp, fd, join);
    mps_session_wake(s);
}

void mps_session_addresses_changed(struct mps_session *s)
{
    struct mps_netaddr_list list;

    if (!s->mp)
        return;
    mps_locals_of(&s->ac, &list);
    mps_mpconn_set_locals(s->mp, &list);
    mps_mpconn_check_address(s->mp);
    mps_session_wake(s);
}

void mps_session_options_changed(struct mps_session *s)
{
    if (!s->mp)
        return;
    mps_mpconn_obey(s->mp);
    mps_session_wake(s);
}

bool mps_session_is_plain(const struct mps_session *s)
{
    return !s->mp && (s->ac.plain != MPS_PLAIN_NONE || !mps_relay_waiting(s->relay));
}

int mps_session_watch(struct mps_session *s, int fd)
{
    struct mps_watcher *w;
    int rc = mps_watcher_add(&s->ac.watchers, s->ac.eng->loop, &s->ac.account.mem, fd, &w);

    if (rc == 0)
        mps_report_state(report_of(s), w, s->plain_told);
    return rc;
}

void mps_session_route_changed(struct mps_session *s, const struct mps_route *route)
{
    if (!s->mp)
        return;
    mps_conn_route_changed(mps_mpconn_core(s->mp), route, mps_clock_now());
    mps_session_wake(s);
}

void mps_session_stop(struct mps_session *s, enum mps_stop stage)
{
    if (stage == MPS_STOP_ABORT)
        s->ac.end = "dropped";
    if (stage == MPS_STOP_ABORT && !s->mp) {
        mps_session_free(s);
        return;
    }
    if (stage == MPS_STOP_DESERT)
        mps_app_desert(&s->ac.app);
    if (s->mp)
        mps_mpconn_stop(s->mp, stage == MPS_STOP_ABORT);
    mps_session_wake(s);
}

struct mps_session *mps_session_find(struct mps_engine *eng, uint64_t id)
{
    struct mps_session *s;

    mps_list_for_each(s, &eng->sessions, struct mps_session, link) {
        if (s->ac.id == id)
            return s;
    }
    return NULL;
}

unsigned mps_session_fds(const struct mps_session *s, int *fds, unsigned max)
{
    if (s->mp)
        return mps_mpconn_fds(s->mp, fds, max);
    if (max == 0 || mps_relay_fd(s->relay) < 0)
        return 0;
    fds[0] = mps_relay_fd(s->relay);
    return 1;
}
