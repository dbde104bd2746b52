/* SPDX-License-Identifier: MIT */
#include "engine.h"

#include <string.h>
#include "core/base/err.h"
#include "engine/net/crypto_openssl.h"
#include "engine/show/log.h"
#include "engine/net/peek.h"
#include "engine/connection/session.h"
#include "engine/net/sock.h"

static void run_session(struct mps_runnable *r)
{
    mps_session_run(mps_container_of(r, struct mps_session, runnable));
}

void mps_engine_join(struct mps_engine *eng, int fd, const struct mps_join *join)
{
    struct mps_session *s = mps_token_find(&eng->tokens, join->token);

    if (!s) {
        mps_log("engine: join with unknown token %08x", join->token);
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
    eng->env.crypto = &mps_crypto_openssl;
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
    rc = eng->env.crypto->random(eng->env.crypto->user, &eng->next_id, sizeof(eng->next_id));
    if (rc < 0)
        return rc;
    eng->next_id = (eng->next_id >> 1) / eng->count * eng->count + eng->index;
    rc = mps_appwatch_init(&eng->appwatch, loop);
    if (rc < 0)
        return rc;
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
    mps_linger_deinit(&eng->linger);
    mps_token_deinit(&eng->tokens);
    mps_appwatch_deinit(&eng->appwatch);
}
