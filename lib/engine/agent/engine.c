/* SPDX-License-Identifier: MIT */
#include "engine.h"

#include <string.h>
#include "core/base/err.h"
#include "engine/show/log.h"
#include "engine/net/peek.h"
#include "engine/connection/session.h"
#include "engine/net/sock.h"

/* Of a key share, from its first use; what was begun with it may go on for longer. */
#define SHARE_LIFE_S 60.

static void run_session(struct mps_runnable *r)
{
    mps_session_run(mps_container_of(r, struct mps_session, runnable));
}

void mps_engine_join(struct mps_engine *eng, int fd, const struct mps_opening *join)
{
    struct mps_session *s = mps_token_find(&eng->tokens, join->join.token);

    if (!s) {
        mps_log("engine: join with unknown token %08x", join->join.token);
        mps_peek_refuse(fd, MPS_REASON_UNKNOWN_TOKEN);
        return;
    }
    mps_session_join(s, fd, join);
}

void mps_engine_view_changed(struct mps_engine *eng)
{
    struct mps_session *s;

    mps_list_for_each(s, &eng->sessions, struct mps_session, link)
        mps_session_addresses_changed(s);
}

void mps_engine_route_changed(struct mps_engine *eng, const struct mps_route *route)
{
    struct mps_session *s;

    mps_list_for_each(s, &eng->sessions, struct mps_session, link)
        mps_session_route_changed(s, route);
}

bool mps_engine_is_idle(const struct mps_engine *eng)
{
    return eng->n_sessions == 0 && eng->linger.n_waiting == 0;
}

void mps_engine_stop(struct mps_engine *eng, enum mps_stop stage)
{
    struct mps_session *s, *tmp;

    eng->retiring = true;
    mps_list_for_each_safe(s, tmp, &eng->sessions, struct mps_session, link)
        mps_session_stop(s, stage);
}

/* A new key share is made when nobody waits for it: at first, and a while after the last one was
 * used. */
static void on_share_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    mps_openssl_rotate(timer->data);
}

static void on_share_used(void *user)
{
    struct mps_engine *eng = user;

    if (ev_is_active(&eng->share_timer))
        return;
    ev_timer_set(&eng->share_timer, SHARE_LIFE_S, 0.);
    ev_timer_start(eng->loop, &eng->share_timer);
}

static void crypto_init(struct mps_engine *eng)
{
    mps_openssl_init(&eng->ssl);
    eng->ssl.on_share_used = on_share_used;
    eng->ssl.user = eng;
    eng->env.crypto = &eng->ssl.crypto;
    ev_timer_init(&eng->share_timer, on_share_timer, 0., 0.);
    eng->share_timer.data = &eng->ssl;
    ev_timer_start(eng->loop, &eng->share_timer);
}

static void crypto_deinit(struct mps_engine *eng)
{
    ev_timer_stop(eng->loop, &eng->share_timer);
    mps_openssl_deinit(&eng->ssl);
}

int mps_engine_init(struct mps_engine *eng, struct ev_loop *loop,
                    const struct mps_engine_setup *setup)
{
    int rc;

    memset(eng, 0, sizeof(*eng));
    eng->loop = loop;
    eng->index = setup->index;
    eng->count = setup->count;
    mps_memory_init(&eng->memory, setup->options->memory, setup->memory_of_agent, setup->count);
    eng->env.mem = &eng->memory.mem;
    eng->env.rxmem = &eng->rxmem;
    eng->env.trace = setup->trace;
    eng->options = *setup->options;
    eng->policy = setup->policy;
    eng->view = setup->view;
    eng->peers = setup->peers;
    eng->pathmem = setup->pathmem;
    eng->claimants = setup->claimants;
    eng->monitors = setup->monitors;
    eng->open_join_port = setup->open_join_port;
    eng->user = setup->user;
    memcpy(eng->agent_id, setup->agent_id, strnlen(setup->agent_id, MPS_HO_ID_LEN));
    mps_list_init(&eng->sessions);
    /* Names of application ends outlive an agent: the next one must not meet them. */
    crypto_init(eng);
    rc = eng->env.crypto->random(eng->env.crypto->user, &eng->next_id, sizeof(eng->next_id));
    if (rc < 0) {
        crypto_deinit(eng);
        return rc;
    }
    eng->next_id = (eng->next_id >> 1) / eng->count * eng->count + eng->index;
    rc = mps_appwatch_init(&eng->appwatch, loop);
    if (rc < 0) {
        crypto_deinit(eng);
        return rc;
    }
    mps_token_init(&eng->tokens, eng->env.mem);
    mps_linger_init(&eng->linger, loop);
    mps_busypoll_init(&eng->busypoll, loop);
    mps_runq_init(&eng->runq, loop, run_session);
    return 0;
}

void mps_engine_deinit(struct mps_engine *eng)
{
    struct mps_session *s, *tmp;

    mps_list_for_each_safe(s, tmp, &eng->sessions, struct mps_session, link)
        mps_session_free(s);
    mps_runq_deinit(&eng->runq);
    mps_busypoll_deinit(&eng->busypoll);
    mps_pipe_close(&eng->pipe);
    mps_linger_deinit(&eng->linger);
    mps_token_deinit(&eng->tokens);
    mps_appwatch_deinit(&eng->appwatch);
    crypto_deinit(eng);
}
