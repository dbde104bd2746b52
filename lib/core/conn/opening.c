/* SPDX-License-Identifier: MIT */
#include "opening.h"
#include <string.h>
#include "alive.h"
#include "halfopen.h"
#include "core/paths/addresses.h"
#include "core/paths/manager.h"
#include "core/subflow/life.h"
#include "core/subflow/tx.h"
#include "core/base/wipe.h"
#include "core/wire/auth.h"
#include "handshake.h"
#include "news.h"
#include "phase.h"
#include "query.h"

static bool send_opening(struct mps_subflow *sf, const struct mps_opening *msg)
{
    uint8_t buf[MPS_OPENING_MAX_LEN];
    size_t len = mps_opening_encode(msg, buf);

    return mps_sf_tx_message(sf, buf, len);
}

/* Near hosts that have met before: data follows at once, and no box is expected in between. */
static bool knows_path(const struct mps_conn *c)
{
    return c->cfg.near && (c->role == MPS_ROLE_CLIENT ? c->cfg.zero_rtt : !c->peer_held);
}

/*
 * HELLO or its answer. Something follows in another segment, if only padding: it shows where a box
 * eats the message (answer.h), and if the message is lost, TCP learns of that without its timer.
 * Where the path is known it goes with the data: a segment costs processors more than the message
 * does, and a loss costs what that of plain TCP's first segment costs.
 */
static int send_first(struct mps_subflow *sf, const struct mps_opening *msg)
{
    uint8_t padding[MPS_FRAME_PREFIX_LEN];

    if (!send_opening(sf, msg))
        return MPS_ENOMEM;
    sf->tx.greeting = sf->tx.ctrl_len;
    sf->tx.apart = !knows_path(sf->conn);
    if (!sf->tx.apart)
        return 0;
    mps_padding_encode_head(0, padding);
    return mps_sf_tx_ctrl(sf, padding, sizeof(padding)) ? 0 : MPS_ECRYPTO;
}

/* HELLO, or its answer. */
static int greet(struct mps_subflow *sf)
{
    struct mps_conn *c = sf->conn;
    bool client = c->role == MPS_ROLE_CLIENT;
    struct mps_opening msg;
    int r;

    memset(&msg, 0, offsetof(struct mps_opening, bytes));
    msg.kind = client ? MPS_OPENING_HELLO : MPS_OPENING_HELLO_REPLY;
    memcpy(msg.hello.key, c->keys.own, MPS_KEY_LEN);
    msg.hello.capabilities = c->cfg.capabilities & ~MPS_CAP_HELD;
    if (client && !c->cfg.zero_rtt)
        msg.hello.capabilities |= MPS_CAP_HELD;
    msg.hello.credit = mps_flow_announce(&c->flow);
    r = client ? mps_handshake_ask(sf, &msg) : mps_handshake_answer(sf, &msg);
    return r < 0 ? r : send_first(sf, &msg);
}

/* ---- the first subflow ---- */

int mps_open_first(struct mps_conn *c, const struct mps_addr *local, const struct mps_addr *remote,
                   mps_time_t now, struct mps_subflow **ret)
{
    struct mps_subflow *sf;
    int r;

    if (c->had_first)
        return MPS_ESTATE;
    r = mps_addresses_first(c, local, remote);
    if (r < 0)
        return r;
    sf = mps_sf_new(c, 0, local, remote);
    if (!sf)
        return MPS_ENOMEM;
    sf->local_key = mps_addresses_of(c, local)->key;
    c->had_first = true;
    c->now = now;
    r = greet(sf);
    if (r < 0) {
        mps_sf_free(sf);
        return r;
    }
    sf->tx.pad_asked = c->peer_held;
    if (c->role == MPS_ROLE_CLIENT) {
        sf->join.initiator = true;
        c->hello_at = now + c->cfg.hello_timeout;
        mps_answer_await(&c->answer, now);
    } else {
        c->ev.established = true;
        mps_news_up(sf, now);
        mps_ack_sent(&c->rx.ack); /* HELLO_REPLY says it all */
        mps_addresses_announce(c);
    }
    *ret = sf;
    return 0;
}

/* PONG will not tell, if it waits behind the hole; TCP's acknowledgment does. */
static void ask(struct mps_subflow *sf)
{
    struct mps_ctrl ping = {.type = MPS_FRAME_PING};
    uint8_t buf[MPS_CTRL_MAX_LEN];

    mps_sf_tx_ctrl(sf, buf, mps_ctrl_encode(&ping, buf));
}

void mps_open_metrics(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_conn *c = sf->conn;

    if (c->phase != MPS_PH_OPENING || sf->id != 0)
        return;
    switch (mps_answer_update(&c->answer, &sf->m, now)) {
    case MPS_ANSWER_UNHEARD:
        mps_phase_plain(c, MPS_REASON_MIDDLEBOX, now);
        break;
    case MPS_ANSWER_EATEN:
        /* The server had the early data with HELLO: what it made of them is not known. */
        if (c->tx.early_taken)
            mps_phase_die(c, MPS_REASON_TIMEOUT, true, now);
        else
            mps_phase_plain(c, MPS_REASON_MIDDLEBOX, now);
        break;
    case MPS_ANSWER_ASK:
        ask(sf);
        break;
    case MPS_ANSWER_AWAITED:
        break;
    }
}

static int hello_reply(struct mps_subflow *sf, const struct mps_opening *msg, mps_time_t now)
{
    const struct mps_hello *hello = &msg->hello;
    struct mps_conn *c = sf->conn;
    uint32_t token;
    int r = mps_auth_token(c->env.crypto, hello->key, &token);

    if (r == 0)
        r = mps_handshake_answered(sf, msg);
    if (r < 0)
        return r;
    memcpy(c->keys.peer, hello->key, MPS_KEY_LEN);
    c->keys.peer_token = token;
    if (hello->capabilities & MPS_CAP_PAYLOAD_MAC)
        c->all_macs = true;
    mps_flow_limit(&c->flow, hello->credit, 0);
    c->phase = MPS_PH_OPEN;
    c->hello_at = MPS_NEVER;
    mps_answer_end(&c->answer);
    c->ev.established = true;
    /* FINISHED tells the server that the reply has arrived, as MPTCP's third ACK. */
    mps_news_up(sf, now);
    mps_addresses_announce(c);
    return 0;
}

bool mps_open_address_gone(struct mps_conn *c, mps_time_t now)
{
    if (c->phase != MPS_PH_OPENING || !c->had_first)
        return false;
    /* Whether the server has got the data, and acts upon them, can never be known any more. */
    if (c->tx.early_taken)
        mps_phase_die(c, MPS_REASON_ADDRESS_GONE, true, now);
    else
        mps_phase_plain(c, MPS_REASON_ADDRESS_GONE, now);
    return true;
}

/* ---- joins ---- */

/* So much waits for a path that it is worth its while to open TCP's congestion window for it. */
#define JOIN_PADDING_WAITING (64u << 10)

static int start_join(struct mps_subflow *sf, mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    struct mps_opening msg = {.kind = MPS_OPENING_JOIN};
    uint8_t buf[MPS_OPENING_MAX_LEN];
    size_t len;
    int r = c->env.crypto->random(c->env.crypto->user, sf->join.own_nonce, MPS_NONCE_LEN);

    if (r < 0)
        return r;
    msg.join.token = c->keys.peer_token;
    msg.join.subflow_id = sf->id;
    msg.join.addr_id = sf->local_id;
    msg.join.backup = sf->backup;
    memcpy(msg.join.nonce, sf->join.own_nonce, MPS_NONCE_LEN);
    len = mps_opening_encode(&msg, buf);
    memcpy(sf->join.sent, buf, MPS_JOIN_LEN);
    return mps_sf_tx_message(sf, buf, len) ? 0 : MPS_ELIMIT;
}

int mps_open_connected(struct mps_subflow *sf, const struct mps_addr *local,
                       const struct mps_addr *remote, mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    int r;

    if (sf->state != MPS_SF_CONNECTING)
        return MPS_ESTATE;
    sf->local = *local;
    sf->remote = *remote;
    sf->state = MPS_SF_OPENING;
    /* The path answers: what follows may take its time. */
    if (sf->join.deadline < now + MPS_JOIN_IN_NEED && c->cfg.join_timeout >= MPS_JOIN_IN_NEED)
        sf->join.deadline = now + MPS_JOIN_IN_NEED;
    r = start_join(sf, now);
    if (r < 0)
        mps_news_failed(sf, MPS_REASON_RESOURCES, now);
    return r;
}

static enum mps_side own_side(const struct mps_conn *c)
{
    return c->role == MPS_ROLE_CLIENT ? MPS_SIDE_CLIENT : MPS_SIDE_SERVER;
}

static enum mps_side peer_side(const struct mps_conn *c)
{
    return c->role == MPS_ROLE_CLIENT ? MPS_SIDE_SERVER : MPS_SIDE_CLIENT;
}

/* Frames of both directions, once both sides have proved that they know the secrets. */
static int frame_keys(struct mps_subflow *sf)
{
    const struct mps_sf_join *j = &sf->join;
    struct mps_nonces nonces = {.joining = j->initiator ? j->own_nonce : j->peer_nonce,
                                .accepting = j->initiator ? j->peer_nonce : j->own_nonce};
    const struct mps_conn *c = sf->conn;
    uint8_t own[MPS_MAC_KEY_LEN], peer[MPS_MAC_KEY_LEN];
    int r = mps_auth_frames(c->env.crypto, &c->keys.secrets, sf->id, own_side(c), nonces, own);

    if (r == 0)
        r = mps_auth_frames(c->env.crypto, &c->keys.secrets, sf->id, peer_side(c), nonces, peer);
    if (r == 0) {
        mps_seal_init(&sf->tx.seal, own);
        mps_seal_init(&sf->rx.seal, peer);
    }
    mps_wipe(own, sizeof(own));
    mps_wipe(peer, sizeof(peer));
    return r;
}

/* Ids of the peer's joins: each once; a sliding window as against replay. */
static bool id_is_free(const struct mps_conn *c, uint32_t id)
{
    const struct mps_paths *p = &c->paths;
    uint32_t k = id / 2;

    if (id == 0)
        return false;
    if (k > p->peer_base)
        return true;
    return p->peer_base - k < 64 && !(p->peer_ids >> (p->peer_base - k) & 1);
}

static void id_is_used(struct mps_conn *c, uint32_t id)
{
    struct mps_paths *p = &c->paths;
    uint32_t k = id / 2;

    if (k > p->peer_base) {
        uint32_t shift = k - p->peer_base;

        p->peer_ids = shift < 64 ? p->peer_ids << shift : 0;
        p->peer_base = k;
    }
    if (p->peer_base - k < 64)
        p->peer_ids |= UINT64_C(1) << (p->peer_base - k);
}

/*
 * The peer's id: of its parity (it numbers its joins), in use nowhere and never before. Joins that
 * are not confirmed do not keep it from others: anybody may have sent them.
 */
static bool join_id_ok(const struct mps_conn *c, uint32_t id)
{
    const struct mps_subflow *sf;

    if ((id % 2 == 0) != (c->role == MPS_ROLE_SERVER) || !id_is_free(c, id))
        return false;
    mps_for_each_subflow(sf, c) {
        if (sf->id == id && !mps_halfopen_is(sf))
            return false;
    }
    return true;
}

static int join_check(const struct mps_conn *c, const struct mps_join *join)
{
    if (c->phase == MPS_PH_OPENING)
        return MPS_ESTATE;
    /* Once it has ended it is as good as forgotten: the peer learns that waiting is in vain. */
    if (c->phase != MPS_PH_OPEN)
        return MPS_ETOKEN;
    if (join->token != c->keys.token)
        return MPS_ETOKEN;
    return join_id_ok(c, join->subflow_id) ? 0 : MPS_EPROTO;
}

/* JOIN_REPLY, and what JOIN_CONFIRM will have to bring. */
static int answer_join(struct mps_subflow *sf, const struct mps_opening *join)
{
    struct mps_opening msg = {.kind = MPS_OPENING_JOIN_REPLY};
    const struct mps_conn *c = sf->conn;
    uint8_t reply[MPS_OPENING_MAX_LEN], hmac[2][MPS_HMAC_LEN];
    int r = c->env.crypto->random(c->env.crypto->user, sf->join.own_nonce, MPS_NONCE_LEN);

    if (r < 0)
        return r;
    msg.join.addr_id = sf->local_id;
    msg.join.backup = sf->backup;
    memcpy(msg.join.nonce, sf->join.own_nonce, MPS_NONCE_LEN);
    r = mps_auth_join(c->env.crypto, &c->keys.secrets, (struct mps_message){join->bytes, join->len},
                      (struct mps_message){reply, mps_opening_encode(&msg, reply)}, hmac);
    if (r < 0)
        return r;
    memcpy(msg.join.hmac, hmac[own_side(c)], MPS_HMAC_LEN);
    memcpy(sf->join.awaited, hmac[peer_side(c)], MPS_HMAC_LEN);
    return send_opening(sf, &msg) ? 0 : MPS_ENOMEM;
}

/*
 * Data will follow as soon as JOIN_CONFIRM has come, a round trip from now. Until then the peer has
 * proved nothing: padding is all that it gets.
 */
static int warm_up(struct mps_subflow *sf)
{
    int r;

    if (mps_sf_is_backup(sf) || mps_conn_unsent(sf->conn) < JOIN_PADDING_WAITING)
        return 0;
    r = frame_keys(sf);
    sf->tx.pad_asked = r == 0;
    return r;
}

int mps_open_accept(struct mps_conn *c, const struct mps_opening *msg, const struct mps_addr *local,
                    const struct mps_addr *remote, mps_time_t now, struct mps_subflow **ret)
{
    const struct mps_join *join = &msg->join;
    const struct mps_local *own = mps_addresses_of(c, local);
    struct mps_subflow *sf;
    int r = join_check(c, join);

    if (r == 0 && !mps_halfopen_place(c, remote, now))
        r = MPS_ELIMIT;
    /* The peer may have lost those that take the places, and we would not know: an idle host sends
     * nothing that could fail. The next attempt finds out. */
    if (r == MPS_ELIMIT)
        mps_alive_doubt_all(c, now);
    if (r < 0)
        return r;
    sf = mps_sf_new(c, join->subflow_id, local, remote);
    if (!sf)
        return MPS_ENOMEM;
    sf->local_key = own ? own->key : 0;
    sf->local_id = own ? own->id : 0;
    sf->remote_id = join->addr_id;
    sf->peer_backup = join->backup;
    sf->backup = own && own->backup;
    sf->join.since = now;
    sf->join.deadline = now + c->cfg.join_timeout;
    memcpy(sf->join.peer_nonce, join->nonce, MPS_NONCE_LEN);
    r = answer_join(sf, msg);
    if (r == 0)
        r = warm_up(sf);
    if (r < 0) {
        mps_sf_free(sf);
        return r;
    }
    *ret = sf;
    return 0;
}

static int join_reply(struct mps_subflow *sf, const struct mps_opening *reply, mps_time_t now)
{
    struct mps_opening msg = {.kind = MPS_OPENING_JOIN_CONFIRM};
    const struct mps_conn *c = sf->conn;
    uint8_t hmac[2][MPS_HMAC_LEN];
    int r = mps_auth_join(c->env.crypto, &c->keys.secrets,
                          (struct mps_message){sf->join.sent, MPS_JOIN_LEN},
                          (struct mps_message){reply->bytes, reply->len}, hmac);

    if (r == 0 && !mps_auth_equal(hmac[peer_side(c)], reply->join.hmac, MPS_HMAC_LEN))
        r = MPS_EAUTH;
    if (r < 0)
        return r;
    memcpy(sf->join.peer_nonce, reply->join.nonce, MPS_NONCE_LEN);
    memcpy(msg.join.hmac, hmac[own_side(c)], MPS_HMAC_LEN);
    r = frame_keys(sf);
    if (r == 0 && !send_opening(sf, &msg))
        r = MPS_ELIMIT;
    if (r < 0)
        return r;
    sf->peer_backup = reply->join.backup;
    mps_news_up(sf, now);
    return 0;
}

static int join_confirm(struct mps_subflow *sf, const struct mps_join *join, mps_time_t now)
{
    int r = mps_auth_equal(sf->join.awaited, join->hmac, MPS_HMAC_LEN) ? 0 : MPS_EAUTH;

    if (r == 0 && !sf->tx.seal.there)
        r = frame_keys(sf);
    if (r < 0)
        return r;
    if (!id_is_free(sf->conn, sf->id))
        return MPS_EPROTO;
    id_is_used(sf->conn, sf->id);
    mps_halfopen_confirmed(sf, now);
    sf->conn->rx.confirmed = true; /* it has got our key */
    mps_news_up(sf, now);
    mps_manager_keep_limit(sf->conn, now);
    return 0;
}

/* ---- receiving ---- */

static void refused(struct mps_subflow *sf, enum mps_reason reason, mps_time_t now)
{
    struct mps_conn *c = sf->conn;
    bool transient = reason == MPS_REASON_RESOURCES || reason == MPS_REASON_UNSPECIFIED;

    mps_news_ended(sf, &(struct mps_end){MPS_END_BY_PEER, reason, transient}, now);
    if (reason == MPS_REASON_UNKNOWN_TOKEN && mps_conn_n_active(c) == 0)
        mps_phase_forgotten(c, now);
}

int mps_open_message(struct mps_subflow *sf, const struct mps_opening *msg, mps_time_t now)
{
    bool first = sf->id == 0;

    switch (msg->kind) {
    case MPS_OPENING_HELLO_REPLY:
        return first ? hello_reply(sf, msg, now) : MPS_EPROTO;
    case MPS_OPENING_JOIN_REPLY:
        return !first && sf->join.initiator ? join_reply(sf, msg, now) : MPS_EPROTO;
    case MPS_OPENING_JOIN_CONFIRM:
        return !first && !sf->join.initiator ? join_confirm(sf, &msg->join, now) : MPS_EPROTO;
    case MPS_OPENING_REFUSE:
        if (first)
            return MPS_EPROTO;
        refused(sf, (enum mps_reason)msg->reason, now);
        return 0;
    default:
        return MPS_EPROTO;
    }
}
