/* SPDX-License-Identifier: MIT */
#include "mpconn_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine/agent/clock.h"
#include "engine/net/connector.h"
#include "config/psks.h"
#include "core/base/constants.h"
#include "core/base/err.h"
#include "engine/agent/engine.h"
#include "handover/marks.h"
#include "handover/message.h"
#include "engine/paths/locals.h"
#include "engine/show/log.h"
#include "engine/joins/joinport.h"
#include "engine/net/peek.h"
#include "sflow.h"
#include "sndbuf.h"
#include "engine/net/sock.h"
#include "timeouts.h"

#define JOIN_DELAY   (20 * MPS_MSEC)
#define KEY_ATTEMPTS 8 /* token collisions in a row: never */

static void wake(void *user)
{
    struct mps_mpconn *mp = user;

    mp->owner.wake(mp->owner.user);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct mps_mpconn *mp = timer->data;
    struct mps_sflow *f;

    mp->timer_at = MPS_NEVER;
    mp->starved = false;
    mps_list_for_each(f, &mp->flows, struct mps_sflow, link) {
        f->woke_for_nothing = f->starved = false;
        f->lookout.touched = true;
    }
    wake(mp);
}

/* ---- birth and death ---- */

/* Of all subflows; each further one that is long enough gets them by itself. */
static bool wants_macs(const struct mps_appconn *ac, bool near)
{
    if (ac->options->integrity == MPS_INTEGRITY_AUTO && !near)
        return true;
    return ac->options->integrity == MPS_INTEGRITY_FULL ||
           mps_pathmem_find(ac->eng->pathmem, MPS_PATHMEM_REWRITES, &ac->local, &ac->peer,
                            mps_clock_now()) != 0;
}

/* A server's program has looked at the SYN and released it: false. */
static bool is_marked(const struct mps_appconn *ac, int fd)
{
    return ac->role == MPS_ROLE_CLIENT && mps_marks_synack_is(fd, MPS_MARK_LISTEN);
}

static void configure(const struct mps_mpconn *mp, int fd, struct mps_config *cfg)
{
    const struct mps_appconn *ac = mp->ac;

    *cfg = ac->options->conn;
    mps_purpose_apply(ac->options->purpose, ac->options->sched, cfg);
    cfg->rcv_buf_init = mps_account_first_window(&ac->account, cfg->rcv_buf_init);
    cfg->rcv_buf_max = mps_account_most(&ac->account, cfg->rcv_buf_max);
    cfg->snd_buf_max = mps_account_most(&ac->account, cfg->snd_buf_max);
    cfg->join_delay = JOIN_DELAY;
    cfg->token_mod = ac->eng->count;
    cfg->token_rem = ac->eng->index;
    cfg->zero_rtt = ac->role == MPS_ROLE_CLIENT &&
                    mps_peers_find(ac->eng->peers, &ac->peer, mps_clock_now()) == MPS_PEER_PROVEN;
    cfg->mac_far = ac->options->integrity == MPS_INTEGRITY_AUTO;
    cfg->near = mps_sock_rtt_ns(fd) <= MPS_FAR_RTT_US * MPS_USEC;
    if (wants_macs(ac, cfg->near))
        cfg->capabilities |= MPS_CAP_PAYLOAD_MAC;
    /* A join without its mark would reach the program there. */
    cfg->announced_only = mp->listed && !is_marked(ac, fd);
}

/*
 * A client names a key that the peer has; whether there is such a key at a server the core judges.
 */
static const struct mps_psk *psk_of(const struct mps_appconn *ac, const struct mps_opening *hello)
{
    return hello
               ? mps_psks_named(ac->options->psks, hello->hello.identity, hello->hello.identity_len)
               : mps_psks_for(ac->options->psks, &ac->peer);
}

/* A core connection whose token is ours alone. */
static int new_core(struct mps_mpconn *mp, struct mps_session *s, int fd,
                    const struct mps_opening *hello, mps_time_t now)
{
    struct mps_engine *eng = mp->eng;
    struct mps_env env = eng->env;
    struct mps_config cfg;
    int rc = MPS_ETOKEN;

    env.mem = &mp->ac->account.mem;
    configure(mp, fd, &cfg);
    cfg.psk = psk_of(mp->ac, hello);
    for (unsigned i = 0; i < KEY_ATTEMPTS; i++) {
        rc = hello ? mps_conn_new_server(&mp->core, &env, &cfg, hello, now)
                   : mps_conn_new_client(&mp->core, &env, &cfg, now);
        if (rc < 0)
            return rc;
        mp->token = mps_conn_token(mp->core);
        rc = mps_token_insert(&eng->tokens, mp->token, s);
        if (rc == 0)
            return 0;
        mp->core = mps_conn_free(mp->core);
        if (rc < 0)
            return rc;
    }
    return MPS_ETOKEN;
}

struct mps_sflow *mps_mpconn_add_flow(struct mps_mpconn *mp, struct mps_subflow *sf, int fd,
                                      bool connecting, const struct mps_addr *local,
                                      uint32_t ifindex)
{
    struct mps_sflow *f =
        mps_sflow_new(&mp->ac->account.mem, mp->eng->loop, sf, fd, connecting, wake, mp);

    if (!f)
        return NULL;
    snprintf(f->ifname, sizeof(f->ifname), "%s",
             mps_netaddr_ifname(&mp->eng->view->addresses, ifindex, local));
    f->bypass = &mp->bypass;
    mps_subflow_set_user(sf, f);
    mps_list_push_back(&mp->flows, &f->link);
    return f;
}

/* A listed peer whose mark is not there is behind a box that splits TCP, or as good as that. */
static void look_for_box(struct mps_mpconn *mp, struct mps_subflow *sf, bool marked, mps_time_t now)
{
    if (mp->listed && !marked)
        mps_subflow_set_split(sf, now);
}

void mps_mpconn_obey(struct mps_mpconn *mp)
{
    struct mps_timeouts timeouts = mps_timeouts_of(&mp->ac->sockopts);

    mps_sndbuf_apply(mp);
    mps_conn_set_timeouts(mp->core, &timeouts, mps_clock_now());
    mps_pacing_obey(mp);
}

int mps_mpconn_new(struct mps_mpconn **ret, struct mps_session *s, struct mps_appconn *ac, int fd,
                   const struct mps_opening *hello, const struct mps_mpconn_owner *owner)
{
    struct mps_mpconn *mp = mps_alloc(&ac->account.mem, sizeof(*mp));
    struct mps_netaddr_list locals;
    mps_time_t now = mps_clock_now();
    struct mps_subflow *sf;
    int rc;

    if (!mp)
        return MPS_ENOMEM;
    mp->ac = ac;
    mp->eng = ac->eng;
    mp->owner = *owner;
    mp->listed = mps_policy_capable(mp->eng->policy, &ac->peer);
    mp->timer_at = MPS_NEVER;
    mp->since = now;
    mps_list_init(&mp->flows);
    ev_timer_init(&mp->timer, on_timer, 0., 0.);
    mp->timer.data = mp;
    rc = new_core(mp, s, fd, hello, now);
    mp->bypass = (struct mps_bypass){
        .pipe = &mp->eng->pipe,
        .core = mp->core,
        .app = &ac->app,
    };
    if (rc == 0)
        rc = mps_conn_first_subflow(mp->core, &ac->local, &ac->peer, now, &sf);
    if (rc == 0 && !mps_mpconn_add_flow(mp, sf, fd, false, &ac->local, 0))
        rc = MPS_ENOMEM;
    if (rc < 0) {
        mps_mpconn_free(mp);
        return rc;
    }
    look_for_box(mp, sf, is_marked(ac, fd), now);
    *ret = mp;
    mps_mpconn_obey(mp);
    if (mp->eng->retiring)
        mps_conn_leave(mp->core, now);
    mps_locals_of(ac, &locals);
    mps_mpconn_set_locals(mp, &locals);
    return 0;
}

struct mps_mpconn *mps_mpconn_free(struct mps_mpconn *mp)
{
    struct mps_sflow *f, *tmp;

    if (!mp)
        return NULL;
    ev_timer_stop(mp->eng->loop, &mp->timer);
    mps_list_for_each_safe(f, tmp, &mp->flows, struct mps_sflow, link) {
        int fd = mps_sflow_free(f);

        if (fd >= 0)
            mps_sock_reset(fd);
    }
    if (mp->core) {
        mps_token_remove(&mp->eng->tokens, mp->token);
        mps_conn_free(mp->core);
    }
    mps_free(&mp->ac->account.mem, mp->locals);
    mps_free(&mp->ac->account.mem, mp);
    return NULL;
}

int mps_mpconn_take_first(struct mps_mpconn *mp)
{
    struct mps_sflow *f;
    int fd;

    if (mps_list_empty(&mp->flows))
        return -1;
    f = mps_list_entry(mp->flows.next, struct mps_sflow, link);
    fd = f->fd;
    ev_io_stop(mp->eng->loop, &f->io);
    f->fd = -1;
    return fd;
}

void mps_mpconn_stop(struct mps_mpconn *mp, bool abort)
{
    mps_time_t now = mps_clock_now();

    if (!abort) {
        mps_conn_leave(mp->core, now);
        return;
    }
    mps_app_reset(&mp->ac->app);
    mp->closed = true;
    mp->resetting = false;
    mps_conn_abort(mp->core, now);
}

/* ---- addresses ---- */

static bool listed(const struct mps_netaddr_entry *list, unsigned n, const struct mps_addr *addr)
{
    for (unsigned i = 0; i < n; i++) {
        if (mps_addr_same_ip(&list[i].addr, addr))
            return true;
    }
    return false;
}

static bool listed_with_port(const struct mps_netaddr_entry *list, unsigned n,
                             const struct mps_addr *addr)
{
    for (unsigned i = 0; i < n; i++) {
        if (mps_addr_equal(&list[i].addr, addr))
            return true;
    }
    return false;
}

/*
 * May the agent's own listener, which is at all addresses, take joins there? A program that listens
 * at one address wants no others known or open, unless the user has said so.
 */
static bool may_listen(const struct mps_mpconn *mp, const struct mps_netaddr_entry *e)
{
    const struct mps_engine *eng = mp->eng;
    const struct mps_path_change change =
        mps_pathctl_merged(&eng->view->paths, mp->ac->paths, &e->addr);

    return e->outside || eng->options.join_ports.first != 0 || mp->ac->options->n_locals > 0 ||
           change.use == MPS_PATH_ADDED ||
           !mps_steered_bound(eng->view->steered, eng->view->n_steered, &mp->ac->local);
}

/* Where joins for it come in, 0: nowhere. */
static uint16_t join_port(const struct mps_mpconn *mp, const struct mps_netaddr_entry *e)
{
    struct mps_addr addr = e->addr;

    /* The program's port, where joins are told by their mark; others come to the agent's own. */
    addr.port = mp->listed || e->outside ? 0 : mp->ac->local.port;
    return mps_joinport_of(mp->eng, &addr, may_listen(mp, e));
}

/* Tell the core of it; true if it is announced. The port is filled in. */
static bool add_local(struct mps_mpconn *mp, struct mps_netaddr_entry *e, mps_time_t now)
{
    bool announce = false;
    int rc;

    /* Only the connecting host opens joins; it needs no announcement of the address and port that
     * it connected to, as long as they take joins. */
    if (mp->ac->role == MPS_ROLE_SERVER) {
        e->addr.port = join_port(mp, e);
        announce = e->addr.port != 0 && !mps_addr_equal(&e->addr, &mp->ac->local) &&
                   (e->outside || mp->eng->policy->announce.n == 0);
    }
    rc = mps_conn_local_add(mp->core, &e->addr, e->ifindex, e->backup, announce, now);
    if (rc == 0)
        rc = mps_conn_local_set_weight(mp->core, &e->addr, e->weight, now);
    if (rc < 0)
        mps_log("mpconn: local address: %s", mps_strerror(rc));
    return rc == 0 && announce;
}

void mps_mpconn_set_locals(struct mps_mpconn *mp, const struct mps_netaddr_list *list)
{
    const struct mps_mem *mem = &mp->ac->account.mem;
    struct mps_netaddr_entry *fresh = mps_alloc(mem, (list->n + 1) * sizeof(*fresh)),
                             *old = mp->locals;
    unsigned n_old = mp->n_locals;
    mps_time_t now = mps_clock_now();

    if (!fresh) {
        mps_log("mpconn: local addresses: %s", mps_strerror(MPS_ENOMEM));
        return;
    }
    for (unsigned i = 0; i < n_old; i++) {
        if (listed(list->entry, list->n, &old[i].addr))
            continue;
        mps_conn_local_remove(mp->core, &old[i].addr, now);
        mp->owner.local(mp->owner.user, false, &old[i].addr, old[i].ifname);
    }
    memcpy(fresh, list->entry, list->n * sizeof(*fresh));
    mp->locals = fresh;
    mp->n_locals = list->n;
    /* That of the first subflow comes first: it says which interface has the number 1. */
    for (unsigned i = 0; i < mp->n_locals; i++) {
        if (mps_addr_same_ip(&fresh[i].addr, &mp->ac->local))
            add_local(mp, &fresh[i], now);
    }
    for (unsigned i = 0; i < mp->n_locals; i++) {
        if (add_local(mp, &fresh[i], now) && !listed_with_port(old, n_old, &fresh[i].addr))
            mp->owner.local(mp->owner.user, true, &fresh[i].addr, fresh[i].ifname);
    }
    mps_free(mem, old);
}

void mps_mpconn_check_address(struct mps_mpconn *mp)
{
    if (mp->ac->role == MPS_ROLE_CLIENT && !mp->established && !mps_connector_has(&mp->ac->local))
        mps_conn_first_address_gone(mp->core, mps_clock_now());
}

static enum mps_reason refusal(int rc)
{
    switch (rc) {
    case MPS_ETOKEN: /* the connection has ended: the peer need not try again */
        return MPS_REASON_UNKNOWN_TOKEN;
    case MPS_ELIMIT:
    case MPS_ENOMEM:
        return MPS_REASON_RESOURCES;
    default:
        return MPS_REASON_PROHIBITED;
    }
}

void mps_mpconn_join(struct mps_mpconn *mp, int fd, const struct mps_opening *join)
{
    struct sockaddr_storage l, r;
    struct mps_addr local, remote;
    mps_time_t now = mps_clock_now();
    struct mps_subflow *sf;
    int rc;

    if (mps_sock_names(fd, &l, &r) < 0) {
        mps_sock_reset(fd);
        return;
    }
    mps_sock_to_addr(&l, &local);
    mps_sock_to_addr(&r, &remote);
    rc = mps_account_takes_join(&mp->ac->account)
             ? mps_conn_join_accept(mp->core, join, &local, &remote, now, &sf)
             : MPS_ELIMIT;
    if (rc < 0) {
        mps_log("mpconn: join refused: %s", mps_strerror(rc));
        mps_peek_refuse(fd, refusal(rc));
        return;
    }
    mps_sockopts_apply(&mp->ac->sockopts, fd);
    if (!mps_mpconn_add_flow(mp, sf, fd, false, &local, 0)) {
        mps_sock_reset(fd);
        mps_subflow_down(sf, false, MPS_REASON_RESOURCES, now);
        return;
    }
    look_for_box(mp, sf, mps_mark_is_join(mps_marks_saved_syn(fd)), now);
}

/* ---- looking in ---- */

struct mps_conn *mps_mpconn_core(const struct mps_mpconn *mp)
{
    return mp->core;
}

unsigned mps_mpconn_fds(const struct mps_mpconn *mp, int *fds, unsigned max)
{
    struct mps_sflow *f;
    unsigned n = 0;

    mps_list_for_each(f, &mp->flows, struct mps_sflow, link) {
        if (f->fd >= 0 && !f->connecting && !f->dead && n < max)
            fds[n++] = f->fd;
    }
    return n;
}
