/* SPDX-License-Identifier: MIT */
/* Making and freeing a connection, time, events. */
#include <string.h>
#include "core/fair/fairness.h"
#include "core/send/control.h"
#include "core/send/repeat.h"
#include "core/send/transmit.h"
#include "core/subflow/tx.h"
#include "core/wire/auth.h"
#include "query.h"
#include "state.h"

#define KEY_TRIES 64 /* times the modulus: all in vain once in 10^27 */

void mps_config_init(struct mps_config *cfg)
{
    *cfg = (struct mps_config){
        .snd_buf_max = MPS_DEFAULT_SND_BUF,
        .rcv_buf_init = MPS_DEFAULT_RCV_BUF,
        .rcv_buf_max = MPS_DEFAULT_RCV_BUF_MAX,
        .max_subflows = MPS_DEFAULT_SUBFLOWS,
        .max_addrs = MPS_DEFAULT_ADDRS,
        .hello_timeout = MPS_DEFAULT_HELLO,
        .join_timeout = MPS_DEFAULT_JOIN,
        .no_subflow_timeout = MPS_DEFAULT_NO_SUBFLOW,
        .keepalive = MPS_DEFAULT_KEEPALIVE,
        .close_timeout = MPS_DEFAULT_CLOSE,
    };
}

static void config_take(struct mps_conn *c, const struct mps_config *cfg)
{
    c->cfg = *cfg;
    if (!c->cfg.sched)
        c->cfg.sched = mps_sched_at(0);
    if (!c->cfg.pm)
        c->cfg.pm = mps_pm_at(0);
    if (c->cfg.max_subflows > MPS_MAX_SUBFLOWS)
        c->cfg.max_subflows = MPS_MAX_SUBFLOWS;
    if (c->cfg.max_addrs > MPS_ADDRS_MAX)
        c->cfg.max_addrs = MPS_ADDRS_MAX;
    c->checks.wanted = c->cfg.capabilities & MPS_CAP_PAYLOAD_CRC;
}

static int parts_init(struct mps_conn *c, const struct mps_env *env, const struct mps_config *cfg,
                      mps_time_t now)
{
    c->env = *env;
    config_take(c, cfg);
    c->now = now;
    c->hello_at = c->no_subflow_at = c->close_at = MPS_NEVER;
    mps_answer_init(&c->answer);
    mps_list_init(&c->subflows);
    mps_sendq_init(&c->tx.sendq, env->mem, c->cfg.snd_buf_max);
    mps_rtxq_init(&c->tx.rtxq, env->mem);
    mps_ctrlq_tx_init(&c->tx.ctrlq, env->mem);
    c->tx.rtx_at = c->tx.sched_at = MPS_NEVER;
    mps_deadpeer_init(&c->peer, now);
    mps_reasm_init(&c->rx.reasm, env->mem);
    mps_ctrlq_rx_init(&c->rx.ctrlq, env->mem);
    mps_ack_init(&c->rx.ack);
    mps_flow_init(&c->flow, mps_mem_scarce(env->mem) ? 0 : c->cfg.rcv_buf_init, c->cfg.rcv_buf_max,
                  now);
    c->paths.retry_at = MPS_NEVER;
    c->lack_at = MPS_NEVER;
    c->rxmem = env->rxmem ? env->rxmem : mps_alloc(env->mem, sizeof(*c->rxmem));
    if (!c->rxmem)
        return MPS_ENOMEM;
    c->rx.reasm.reserve = &c->rxmem->reserve;
    if (c->cfg.sched->state_size > 0) {
        c->tx.sched_state = mps_alloc(env->mem, c->cfg.sched->state_size);
        if (!c->tx.sched_state)
            return MPS_ENOMEM;
    }
    return 0;
}

/* A key of ours whose token is of the wanted class. */
static int choose_key(struct mps_conn *c)
{
    const struct mps_crypto *crypto = c->env.crypto;
    uint32_t mod = c->cfg.token_mod ? c->cfg.token_mod : 1;

    for (uint32_t i = 0; i < KEY_TRIES * mod; i++) {
        int r = crypto->random(crypto->user, c->keys.own, MPS_KEY_LEN);

        if (r == 0)
            r = mps_auth_token(crypto, c->keys.own, &c->keys.token);
        if (r < 0 || c->keys.token % mod == c->cfg.token_rem)
            return r;
    }
    return MPS_ETOKEN;
}

static int conn_new(struct mps_conn **ret, const struct mps_env *env,
                    const struct mps_config *cfg, mps_time_t now)
{
    struct mps_conn *c = mps_alloc(env->mem, sizeof(*c));
    int r;

    if (!c)
        return MPS_ENOMEM;
    r = parts_init(c, env, cfg, now);
    if (r == 0)
        r = choose_key(c);
    if (r < 0) {
        mps_conn_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

int mps_conn_new_client(struct mps_conn **ret, const struct mps_env *env,
                        const struct mps_config *cfg, mps_time_t now)
{
    struct mps_conn *c;
    int r = conn_new(&c, env, cfg, now);

    if (r < 0)
        return r;
    c->role = MPS_ROLE_CLIENT;
    c->paths.next_id = 2;
    c->phase = MPS_PH_OPENING;
    if (c->cfg.zero_rtt)
        mps_flow_limit(&c->flow, MPS_INITIAL_CREDIT_MIN);
    *ret = c;
    return 0;
}

int mps_conn_new_server(struct mps_conn **ret, const struct mps_env *env,
                        const struct mps_config *cfg, const struct mps_hello *hello,
                        mps_time_t now)
{
    struct mps_conn *c;
    int r = conn_new(&c, env, cfg, now);

    if (r < 0)
        return r;
    c->role = MPS_ROLE_SERVER;
    c->paths.next_id = 1;
    c->phase = MPS_PH_OPEN;
    memcpy(c->keys.peer, hello->key, MPS_KEY_LEN);
    r = mps_auth_token(c->env.crypto, hello->key, &c->keys.peer_token);
    if (r < 0) {
        mps_conn_free(c);
        return r;
    }
    if (hello->capabilities & MPS_CAP_PAYLOAD_CRC)
        mps_conn_check_all(c);
    c->peer_held = hello->capabilities & MPS_CAP_HELD;
    mps_flow_limit(&c->flow, hello->credit);
    *ret = c;
    return 0;
}

struct mps_conn *mps_conn_free(struct mps_conn *c)
{
    struct mps_subflow *sf, *tmp;
    struct mps_mem mem;

    if (!c)
        return NULL;
    mem = *c->env.mem;
    mps_list_for_each_safe(sf, tmp, &c->subflows, struct mps_subflow, node)
        mps_sf_free(sf);
    mps_sendq_deinit(&c->tx.sendq);
    mps_rtxq_deinit(&c->tx.rtxq);
    mps_ctrlq_tx_deinit(&c->tx.ctrlq);
    mps_free(&mem, c->tx.sched_state);
    mps_free(&mem, c->tx.couple);
    mps_free(&mem, c->past);
    mps_reasm_deinit(&c->rx.reasm);
    if (!c->env.rxmem)
        mps_free(&mem, c->rxmem);
    mps_ctrlq_rx_deinit(&c->rx.ctrlq);
    mps_paths_deinit(c);
    memset(&c->keys, 0, sizeof(c->keys));
    mps_free(&mem, c);
    return NULL;
}

uint32_t mps_conn_token(const struct mps_conn *c)
{
    return c->keys.token;
}

/* A subflow the transport never heard of needs no event. */
static void reap(struct mps_conn *c)
{
    struct mps_subflow *sf, *tmp;

    mps_list_for_each_safe(sf, tmp, &c->subflows, struct mps_subflow, node) {
        if (sf->state == MPS_SF_DEAD && sf->ev.open && !sf->ev.open_told)
            mps_sf_free(sf);
    }
}

void mps_conn_settle(struct mps_conn *c, mps_time_t now)
{
    if (now > c->now)
        c->now = now;
    mps_conn_close_settle(c, now);
    mps_alive_peer_settle(c, now);
    mps_paths_run(c, now);
    mps_control_place(c, now);
    reap(c);
}

void mps_conn_die(struct mps_conn *c, enum mps_reason reason, bool tell, mps_time_t now)
{
    struct mps_subflow *sf;

    if (c->phase == MPS_PH_OVER || c->phase == MPS_PH_PLAIN)
        return;
    if (tell && c->phase < MPS_PH_ABORTING && !c->rx.closed) {
        c->ev.reset = true;
        c->ev.reason = reason;
    }
    c->phase = MPS_PH_OVER;
    c->hello_at = c->no_subflow_at = c->close_at = MPS_NEVER;
    mps_answer_end(&c->answer);
    mps_for_each_subflow(sf, c)
        mps_sf_kill(sf, true, reason, now);
}

void mps_conn_push(struct mps_conn *c, mps_time_t now)
{
    mps_transmit(c, now);
    mps_conn_settle(c, now);
}

int mps_conn_set_scheduler(struct mps_conn *c, const struct mps_sched_ops *sched, mps_time_t now)
{
    int r = mps_transmit_set_scheduler(c, sched, now);

    if (r == 0)
        mps_conn_settle(c, now);
    return r;
}

/* ---- from the application ---- */

void mps_conn_app_tx_done(struct mps_conn *c, size_t n, mps_time_t now)
{
    mps_sendq_commit(&c->tx.sendq, n);
    if (n > 0) {
        c->tx.written_at = now;
        mps_conn_busy(c, now);
    }
    mps_conn_settle(c, now);
}

void mps_conn_app_tx_urgent(struct mps_conn *c)
{
    c->tx.urgent_end = mps_sendq_tail(&c->tx.sendq);
}

unsigned mps_conn_plain_spans(struct mps_conn *c, uint64_t skip, struct mps_span *spans,
                              unsigned max)
{
    return mps_sendq_spans(&c->tx.sendq, skip, mps_sendq_tail(&c->tx.sendq), spans, max);
}

/* ---- subflows ---- */

void mps_subflow_tx_done(struct mps_subflow *sf, size_t n, mps_time_t now)
{
    if (sf->state == MPS_SF_DEAD)
        return;
    mps_sf_tx_taken(sf, n, now);
    mps_conn_settle(sf->conn, now);
}

/* ---- time ---- */

static void earlier(mps_time_t *t, mps_time_t other)
{
    if (other < *t)
        *t = other;
}

mps_time_t mps_conn_deadline(const struct mps_conn *c)
{
    const struct mps_subflow *sf;
    mps_time_t t = MPS_NEVER;

    if (c->phase >= MPS_PH_PLAIN)
        return MPS_NEVER;
    earlier(&t, c->hello_at);
    earlier(&t, c->answer.look_at);
    earlier(&t, c->no_subflow_at);
    earlier(&t, c->close_at);
    earlier(&t, c->lack_at);
    if (c->phase > MPS_PH_OPEN)
        return t;
    earlier(&t, c->tx.rtx_at);
    earlier(&t, c->tx.sched_at);
    earlier(&t, mps_fairness_deadline(c));
    earlier(&t, c->paths.retry_at);
    earlier(&t, mps_alive_deadline(c));
    earlier(&t, mps_alive_peer_deadline(c));
    if (mps_conn_n_active(c) > 0)
        earlier(&t, c->rx.ack.due);
    mps_for_each_subflow(sf, c) {
        if (sf->state == MPS_SF_ACTIVE)
            earlier(&t, sf->stale.check_at);
        else if (sf->state != MPS_SF_DEAD)
            earlier(&t, sf->join.deadline);
    }
    return t;
}

/* Joins that take too long, and subflows that hang while another one works. */
static void subflow_timers(struct mps_conn *c, mps_time_t now)
{
    struct mps_subflow *sf, *other;

    mps_for_each_subflow(sf, c) {
        bool better = false;

        if (sf->state == MPS_SF_CONNECTING || sf->state == MPS_SF_OPENING) {
            if (sf->join.deadline <= now)
                mps_sf_abandon(sf, MPS_REASON_TIMEOUT, true, now);
            continue;
        }
        if (sf->state == MPS_SF_CLOSING && sf->join.deadline <= now)
            mps_sf_kill(sf, true, sf->reason, now);
        if (sf->state != MPS_SF_ACTIVE)
            continue;
        mps_stale_checked(&sf->stale, &sf->m, now);
        mps_for_each_subflow(other, c)
            better |= mps_sf_works(other);
        if (!mps_stale_silent(&sf->stale, now))
            continue;
        if (better && mps_stale_hopeless(&sf->stale, now))
            mps_sf_abandon(sf, MPS_REASON_BAD_PERFORMANCE, true, now);
        else
            c->paths.due = true; /* its pair may be tried anew beside it */
    }
}

void mps_conn_expire(struct mps_conn *c, mps_time_t now)
{
    if (c->phase >= MPS_PH_PLAIN)
        return;
    if (c->paths.retry_at <= now) {
        c->paths.retry_at = MPS_NEVER;
        c->paths.due = true;
    }
    if (c->lack_at <= now)
        mps_conn_rx_retry(c, now);
    mps_conn_close_timer(c, now);
    mps_answer_looked(&c->answer, now);
    if (c->phase <= MPS_PH_OPEN) {
        subflow_timers(c, now);
        mps_alive_timer(c, now);
        mps_alive_peer_timer(c, now);
        mps_repeat_timer(c, now);
    }
    mps_conn_push(c, now);
}

/* ---- events ---- */

static bool subflow_event(struct mps_subflow *sf, struct mps_event *ev)
{
    struct mps_sf_events *f = &sf->ev;

    if (f->open && !f->open_told && sf->state != MPS_SF_DEAD) {
        f->open_told = true;
        ev->type = MPS_EV_OPEN;
    } else if (f->up) {
        f->up = false;
        f->up_told = true;
        ev->type = MPS_EV_SUBFLOW_UP;
    } else if (f->priority) {
        f->priority = false;
        ev->type = MPS_EV_PRIORITY;
        ev->backup = sf->peer_backup;
    } else if (f->own_priority) {
        f->own_priority = false;
        ev->type = MPS_EV_PRIORITY;
        ev->own = true;
    } else if (sf->state == MPS_SF_ACTIVE && sf->stale.stale != f->stale_told) {
        f->stale_told = sf->stale.stale;
        ev->type = f->stale_told ? MPS_EV_STALE : MPS_EV_RECOVERED;
    } else if (f->close && !f->close_told) {
        f->close_told = true;
        ev->type = MPS_EV_SUBFLOW_CLOSE;
    } else {
        return false;
    }
    ev->subflow = sf;
    ev->subflow_id = sf->id;
    ev->local = sf->local;
    ev->remote = sf->remote;
    ev->ifindex = sf->ifindex;
    if (ev->type != MPS_EV_PRIORITY || ev->own)
        ev->backup = sf->backup;
    ev->was_up = f->up_told;
    ev->reset = sf->close_reset;
    ev->reason = sf->reason;
    return true;
}

static bool address_event(struct mps_conn *c, struct mps_event *ev)
{
    struct mps_paths *p = &c->paths;

    for (unsigned i = 0; i < p->n_remotes; i++) {
        struct mps_remote *r = &p->remotes[i];

        if (!r->ev_added && !r->ev_removed)
            continue;
        ev->type = r->ev_added ? MPS_EV_ADDR_ANNOUNCED : MPS_EV_ADDR_REMOVED;
        ev->remote = r->addr;
        if (r->ev_added)
            r->ev_added = false;
        else
            r->ev_removed = false;
        return true;
    }
    return false;
}

static bool rewritten_event(struct mps_conn *c, struct mps_event *ev)
{
    if (!c->checks.ev)
        return false;
    c->checks.ev = false;
    ev->type = MPS_EV_REWRITTEN;
    ev->local = c->checks.local;
    ev->remote = c->checks.remote;
    return true;
}

static bool conn_event(struct mps_conn *c, struct mps_event *ev)
{
    ev->reason = c->ev.reason;
    if (c->ev.unanswered) {
        c->ev.unanswered = false;
        ev->type = MPS_EV_UNANSWERED;
    } else if (c->ev.plain) {
        c->ev.plain = false;
        ev->type = MPS_EV_PLAIN;
    } else if (c->ev.reset) {
        c->ev.reset = false;
        ev->type = MPS_EV_RESET;
    } else if (c->phase == MPS_PH_OVER && mps_list_empty(&c->subflows) && !c->ev.closed) {
        c->ev.closed = true;
        ev->type = MPS_EV_CLOSED;
    } else {
        return false;
    }
    return true;
}

int mps_conn_next_event(struct mps_conn *c, struct mps_event *ret)
{
    struct mps_subflow *sf;
    struct mps_event ev = {0};

    if (c->ev.established) {
        c->ev.established = false;
        ev.type = MPS_EV_ESTABLISHED;
        *ret = ev;
        return 1;
    }
    reap(c);
    mps_for_each_subflow(sf, c) {
        if (subflow_event(sf, &ev)) {
            *ret = ev;
            return 1;
        }
    }
    if (rewritten_event(c, &ev) || address_event(c, &ev) || conn_event(c, &ev)) {
        *ret = ev;
        return 1;
    }
    return 0;
}
