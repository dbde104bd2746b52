/* SPDX-License-Identifier: MIT */
/* Making and freeing a connection. */
#include <string.h>
#include "core/paths/addresses.h"
#include "core/subflow/life.h"
#include "core/base/wipe.h"
#include "core/wire/auth.h"
#include "handshake.h"
#include "state.h"

/* Defaults of struct mps_config; bytes. Upper bounds: what is used follows the paths. */
#define DEFAULT_SND_BUF     (32u << 20)
#define DEFAULT_RCV_BUF     (1024u << 10)
#define DEFAULT_RCV_BUF_MAX (32u << 20)
#define DEFAULT_SUBFLOWS    8u
#define DEFAULT_ADDRS       8u
#define DEFAULT_JOIN        (10 * MPS_SEC)
#define DEFAULT_NO_SUBFLOW  (60 * MPS_SEC)
#define DEFAULT_KEEPALIVE   (15 * MPS_SEC)
#define DEFAULT_CLOSE       (60 * MPS_SEC) /* FIN_WAIT_2 of Linux TCP */

#define KEY_TRIES 64 /* times the modulus: all in vain once in 10^27 */

void mps_config_init(struct mps_config *cfg)
{
    *cfg = (struct mps_config){
        .snd_buf_max = DEFAULT_SND_BUF,
        .rcv_buf_init = DEFAULT_RCV_BUF,
        .rcv_buf_max = DEFAULT_RCV_BUF_MAX,
        .max_subflows = DEFAULT_SUBFLOWS,
        .max_addrs = DEFAULT_ADDRS,
        .hello_timeout = MPS_DEFAULT_HELLO,
        .join_timeout = DEFAULT_JOIN,
        .no_subflow_timeout = DEFAULT_NO_SUBFLOW,
        .keepalive = DEFAULT_KEEPALIVE,
        .close_timeout = DEFAULT_CLOSE,
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
    c->all_macs = c->cfg.capabilities & MPS_CAP_PAYLOAD_MAC;
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
    mps_addresses_init(c);
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

static int conn_new(struct mps_conn **ret, const struct mps_env *env, const struct mps_config *cfg,
                    mps_time_t now)
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
        mps_flow_limit(&c->flow, MPS_INITIAL_CREDIT_MIN, 0);
    *ret = c;
    return 0;
}

int mps_conn_new_server(struct mps_conn **ret, const struct mps_env *env,
                        const struct mps_config *cfg, const struct mps_opening *msg, mps_time_t now)
{
    const struct mps_hello *hello = &msg->hello;
    struct mps_conn *c;
    int r = conn_new(&c, env, cfg, now);

    if (r < 0)
        return r;
    c->role = MPS_ROLE_SERVER;
    c->paths.next_id = 1;
    c->phase = MPS_PH_OPEN;
    memcpy(c->keys.peer, hello->key, MPS_KEY_LEN);
    r = mps_auth_token(c->env.crypto, hello->key, &c->keys.peer_token);
    if (r == 0)
        r = mps_handshake_take(c, msg);
    if (r < 0) {
        mps_conn_free(c);
        return r;
    }
    if (hello->capabilities & MPS_CAP_PAYLOAD_MAC)
        c->all_macs = true;
    c->peer_held = hello->capabilities & MPS_CAP_HELD;
    mps_flow_limit(&c->flow, hello->credit, 0);
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
    mps_addresses_deinit(c);
    mps_handshake_end(c);
    mps_wipe(&c->keys, sizeof(c->keys));
    mps_free(&mem, c);
    return NULL;
}

uint32_t mps_conn_token(const struct mps_conn *c)
{
    return c->keys.token;
}
