/* SPDX-License-Identifier: MIT */
#include "engine.h"

#include <string.h>
#include "core/err.h"
#include "crypto_openssl.h"
#include "log.h"
#include "peek.h"
#include "session.h"
#include "sock.h"

static const struct mps_policy no_policy; /* everything is allowed */

static void run_marked(struct ev_loop *loop, ev_check *check, int revents)
{
    struct mps_engine *eng = check->data;
    struct mps_list round;

    if (mps_list_empty(&eng->marked))
        return;
    /* Sessions that mark themselves again belong to the next round, after the loop looked at
     * everybody's descriptors. */
    round = eng->marked;
    round.next->prev = round.prev->next = &round;
    mps_list_init(&eng->marked);
    while (!mps_list_empty(&round)) {
        struct mps_session *s = mps_list_entry(round.next, struct mps_session, mark_link);

        mps_list_remove(&s->mark_link);
        mps_session_run(s);
    }
    if (mps_list_empty(&eng->marked))
        ev_idle_stop(loop, &eng->more);
    else
        ev_idle_start(loop, &eng->more);
}

static void on_idle(struct ev_loop *loop, ev_idle *idle, int revents)
{
}

void mps_engine_mark(struct mps_engine *eng, struct mps_session *s)
{
    if (mps_list_empty(&s->mark_link))
        mps_list_push_back(&eng->marked, &s->mark_link);
}

static void join_arrived(struct mps_greeter *greeter, int fd, const struct mps_join *join)
{
    struct mps_engine *eng = greeter->user;
    struct mps_session *s = mps_token_find(&eng->tokens, join->token);

    if (!s) {
        mps_log("engine: join with unknown token %08x", join->token);
        mps_peek_refuse(fd, MPS_REASON_UNKNOWN_TOKEN);
        return;
    }
    mps_session_join(s, fd, join);
}

static void steer_accepted(struct mps_steer *steer, int fd)
{
    struct mps_engine *eng = steer->user;

    mps_greeter_add(&eng->greeter, fd);
}

static void joinlis_accepted(struct mps_joinlis *joinlis, int fd)
{
    struct mps_engine *eng = joinlis->user;

    mps_greeter_add(&eng->greeter, fd);
}

/* Joins for this port come to the join listener from now on: tell the peers. */
static void steer_dropped(struct mps_steer *steer, uint16_t port)
{
    struct mps_engine *eng = steer->user;
    struct mps_session *s;

    mps_list_for_each(s, &eng->sessions, struct mps_session, link)
    {
        if (s->local.port == port)
            mps_session_addresses_changed(s);
    }
}

static void addresses_changed(struct mps_netaddr *netaddr)
{
    struct mps_engine *eng = netaddr->user;
    struct mps_session *s;

    mps_list_for_each(s, &eng->sessions, struct mps_session, link) mps_session_addresses_changed(s);
}

static void route_changed(struct mps_netaddr *netaddr, const struct mps_route *route)
{
    struct mps_engine *eng = netaddr->user;
    struct mps_session *s;

    mps_list_for_each(s, &eng->sessions, struct mps_session, link)
        mps_session_route_changed(s, route);
}

static const struct mps_netaddr_ops netaddr_ops = {addresses_changed, route_changed};

uint16_t mps_engine_join_port(struct mps_engine *eng, const struct mps_addr *addr)
{
    if (mps_steer_covers(&eng->steer, addr))
        return addr->port;
    return mps_joinlis_port(&eng->joinlis, eng->options.join_ports);
}

bool mps_engine_is_idle(const struct mps_engine *eng)
{
    return eng->n_sessions == 0 && eng->steer.n_entries == 0 && eng->linger.n_waiting == 0 &&
           eng->greeter.n_waiting == 0;
}

int mps_engine_init(struct mps_engine *eng, struct ev_loop *loop, const char *agent_id,
                    const struct mps_options *options)
{
    int rc;

    memset(eng, 0, sizeof(*eng));
    eng->loop = loop;
    eng->env.mem = &mps_mem_libc;
    eng->env.crypto = &mps_crypto_openssl;
    eng->env.scratch = eng->scratch;
    eng->options = *options;
    eng->policy = &no_policy;
    memcpy(eng->agent_id, agent_id, strnlen(agent_id, MPS_AGENT_ID_LEN));
    mps_list_init(&eng->sessions);
    mps_list_init(&eng->marked);
    /* Names of application ends outlive an agent: the next one must not meet them. */
    rc = eng->env.crypto->random(eng->env.crypto->user, &eng->next_id, sizeof(eng->next_id));
    if (rc < 0)
        return rc;
    rc = mps_appwatch_init(&eng->appwatch, loop);
    if (rc < 0)
        return rc;
    mps_monitors_init(&eng->monitors, loop);
    mps_token_init(&eng->tokens, eng->env.mem);
    mps_greeter_init(&eng->greeter, loop, join_arrived, eng);
    mps_linger_init(&eng->linger, loop);
    mps_steer_init(&eng->steer, loop, steer_accepted, steer_dropped, eng);
    mps_joinlis_init(&eng->joinlis, loop, joinlis_accepted, eng);
    if (mps_netaddr_init(&eng->netaddr, loop, &netaddr_ops, eng) < 0)
        mps_log("engine: no local addresses are known");
    ev_idle_init(&eng->more, on_idle);
    ev_set_priority(&eng->more, EV_MINPRI);
    ev_check_init(&eng->check, run_marked);
    ev_set_priority(&eng->check, EV_MINPRI);
    eng->check.data = eng;
    ev_check_start(loop, &eng->check);
    return 0;
}

void mps_engine_deinit(struct mps_engine *eng)
{
    struct mps_session *s, *tmp;

    mps_list_for_each_safe(s, tmp, &eng->sessions, struct mps_session, link) mps_session_free(s);
    ev_check_stop(eng->loop, &eng->check);
    ev_idle_stop(eng->loop, &eng->more);
    mps_netaddr_deinit(&eng->netaddr);
    mps_joinlis_deinit(&eng->joinlis);
    mps_steer_deinit(&eng->steer);
    mps_linger_deinit(&eng->linger);
    mps_greeter_deinit(&eng->greeter);
    mps_token_deinit(&eng->tokens);
    mps_appwatch_deinit(&eng->appwatch);
    mps_monitors_deinit(&eng->monitors);
}
