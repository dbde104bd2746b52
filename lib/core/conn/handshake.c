/* SPDX-License-Identifier: MIT */
#include "handshake.h"
#include <string.h>
#include "core/base/wipe.h"
#include "core/subflow/tx.h"

static struct mps_message hello_of(const struct mps_handshake *hs)
{
    return (struct mps_message){hs->hello, hs->hello_len};
}

static int begin(struct mps_conn *c)
{
    c->handshake = mps_alloc(c->env.mem, sizeof(*c->handshake));
    if (!c->handshake)
        return MPS_ENOMEM;
    return mps_early_begin(&c->early, c->env.crypto);
}

void mps_handshake_end(struct mps_conn *c)
{
    struct mps_handshake *hs = c->handshake;

    mps_early_deinit(&c->early, c->env.crypto);
    if (!hs)
        return;
    if (hs->share)
        c->env.crypto->share_release(c->env.crypto->user, hs->share);
    mps_wipe(hs, sizeof(*hs));
    mps_free(c->env.mem, hs);
    c->handshake = NULL;
}

static int first_key(struct mps_conn *c, enum mps_side sender, uint8_t key[MPS_MAC_KEY_LEN])
{
    return mps_auth_frames(c->env.crypto, &c->keys.secrets, 0, sender, (struct mps_nonces){0}, key);
}

/* ---- the client ---- */

int mps_handshake_ask(struct mps_subflow *sf, struct mps_opening *msg)
{
    struct mps_conn *c = sf->conn;
    const struct mps_crypto *crypto = c->env.crypto;
    const struct mps_psk *psk = c->cfg.psk;
    uint8_t key[MPS_MAC_KEY_LEN];
    struct mps_handshake *hs;
    int r = begin(c);

    if (r < 0)
        return r;
    hs = c->handshake;
    hs->share = crypto->share_get(crypto->user);
    if (!hs->share)
        return MPS_ECRYPTO;
    memcpy(msg->hello.share, hs->share->value, MPS_SHARE_LEN);
    msg->hello.algs[0] = MPS_SHA256;
    msg->hello.algs[1] = MPS_SHA1;
    msg->hello.n_algs = MPS_ALGS_MAX;
    if (psk) {
        memcpy(msg->hello.identity, psk->identity, psk->identity_len);
        msg->hello.identity_len = psk->identity_len;
    }
    hs->hello_len = mps_opening_encode(msg, hs->hello);
    r = mps_auth_early(crypto, psk, c->keys.own, hello_of(hs), key);
    if (r == 0)
        mps_seal_init(&sf->tx.seal, key);
    mps_wipe(key, sizeof(key));
    return r;
}

/* The secrets, once both messages are there. */
static int agree(struct mps_conn *c, struct mps_share *share, const struct mps_hello *peer,
                 enum mps_hash alg, struct mps_message reply)
{
    const struct mps_crypto *crypto = c->env.crypto;
    bool client = c->role == MPS_ROLE_CLIENT;
    uint8_t agreed[MPS_SHARE_LEN];
    struct mps_ingredients from = {
        .alg = alg,
        .psk = c->cfg.psk,
        .agreed = agreed,
        .key_c = client ? c->keys.own : peer->key,
        .key_s = client ? peer->key : c->keys.own,
        .hello = hello_of(c->handshake),
        .reply = reply,
    };
    int r = crypto->agree(crypto->user, share, peer->share, agreed);

    if (r == 0)
        r = mps_auth_secrets(crypto, &from, &c->keys.secrets);
    mps_wipe(agreed, sizeof(agreed));
    return r;
}

/* FINISHED, and the keys of both directions behind the opening. */
static int finish(struct mps_subflow *sf)
{
    struct mps_conn *c = sf->conn;
    const struct mps_crypto *crypto = c->env.crypto;
    struct mps_ctrl ctrl = {.type = MPS_FRAME_FINISHED};
    uint8_t early[MPS_SHA256_LEN], buf[MPS_CTRL_MAX_LEN], keys[2][MPS_MAC_KEY_LEN];
    int r = mps_sf_tx_end_early(sf);

    if (r == 0)
        r = mps_early_end(&c->early, crypto, early);
    if (r == 0)
        r = mps_auth_finished(crypto, &c->keys.secrets, early, ctrl.finished.hmac);
    if (r == 0)
        r = first_key(c, MPS_SIDE_CLIENT, keys[MPS_SIDE_CLIENT]);
    if (r == 0)
        r = first_key(c, MPS_SIDE_SERVER, keys[MPS_SIDE_SERVER]);
    if (r == 0) {
        mps_seal_init(&sf->rx.seal, keys[MPS_SIDE_SERVER]);
        mps_sf_tx_rekey(sf, keys[MPS_SIDE_CLIENT]);
        if (!mps_sf_tx_ctrl(sf, buf, mps_ctrl_encode(&ctrl, buf)))
            r = MPS_ELIMIT;
    }
    mps_wipe(keys, sizeof(keys));
    return r;
}

int mps_handshake_answered(struct mps_subflow *sf, const struct mps_opening *msg)
{
    struct mps_conn *c = sf->conn;
    const struct mps_hello *hello = &msg->hello;
    uint8_t want[MPS_HMAC_LEN];
    int r = agree(c, c->handshake->share, hello, hello->algs[0],
                  (struct mps_message){msg->bytes, msg->len});

    if (r == 0)
        r = mps_auth_reply(c->env.crypto, &c->keys.secrets, want);
    if (r == 0 && !mps_auth_equal(want, hello->hmac, MPS_HMAC_LEN))
        r = MPS_EAUTH;
    if (r == 0)
        r = finish(sf);
    if (r == 0)
        mps_handshake_end(c);
    return r;
}

/* ---- the server ---- */

/* Without an identity there is no key, whatever we have. */
static int check_identity(struct mps_conn *c, const struct mps_hello *hello)
{
    const struct mps_psk *psk = c->cfg.psk;

    if (hello->identity_len == 0) {
        c->cfg.psk = NULL;
        return 0;
    }
    return psk && psk->identity_len == hello->identity_len &&
                   memcmp(psk->identity, hello->identity, psk->identity_len) == 0
               ? 0
               : MPS_EAUTH;
}

int mps_handshake_take(struct mps_conn *c, const struct mps_opening *hello)
{
    int r = check_identity(c, &hello->hello);

    if (r == 0)
        r = begin(c);
    if (r < 0)
        return r;
    c->handshake->peer = hello->hello;
    c->handshake->hello_len = hello->len;
    memcpy(c->handshake->hello, hello->bytes, hello->len);
    return 0;
}

/* The secrets are made of the answer, but for its HMAC, which is made of the secrets. */
static int sign_answer(struct mps_conn *c, struct mps_opening *msg)
{
    const struct mps_crypto *crypto = c->env.crypto;
    struct mps_share *share = crypto->share_get(crypto->user);
    struct mps_handshake *hs = c->handshake;
    uint8_t reply[MPS_OPENING_MAX_LEN];
    int r;

    if (!share)
        return MPS_ECRYPTO;
    memcpy(msg->hello.share, share->value, MPS_SHARE_LEN);
    msg->hello.algs[0] = hs->peer.algs[0];
    msg->hello.n_algs = 1;
    r = agree(c, share, &hs->peer, hs->peer.algs[0],
              (struct mps_message){reply, mps_opening_encode(msg, reply)});
    crypto->share_release(crypto->user, share);
    return r < 0 ? r : mps_auth_reply(crypto, &c->keys.secrets, msg->hello.hmac);
}

int mps_handshake_answer(struct mps_subflow *sf, struct mps_opening *msg)
{
    struct mps_conn *c = sf->conn;
    struct mps_handshake *hs = c->handshake;
    uint8_t early[MPS_MAC_KEY_LEN], own[MPS_MAC_KEY_LEN];
    int r = sign_answer(c, msg);

    if (r == 0)
        r = mps_auth_early(c->env.crypto, c->cfg.psk, c->keys.peer, hello_of(hs), early);
    if (r == 0)
        r = first_key(c, MPS_SIDE_CLIENT, hs->frames_key);
    if (r == 0)
        r = first_key(c, MPS_SIDE_SERVER, own);
    if (r == 0) {
        sf->rx.early = true;
        mps_seal_init(&sf->rx.seal, early);
        mps_seal_init(&sf->tx.seal, own);
    }
    mps_wipe(early, sizeof(early));
    mps_wipe(own, sizeof(own));
    return r;
}

int mps_handshake_finished(struct mps_subflow *sf, const uint8_t hmac[MPS_HMAC_LEN])
{
    struct mps_conn *c = sf->conn;
    uint8_t early[MPS_SHA256_LEN], want[MPS_HMAC_LEN];
    int r;

    if (!sf->rx.early)
        return MPS_EPROTO;
    r = mps_early_end(&c->early, c->env.crypto, early);
    if (r == 0)
        r = mps_auth_finished(c->env.crypto, &c->keys.secrets, early, want);
    if (r == 0 && !mps_auth_equal(want, hmac, MPS_HMAC_LEN))
        r = MPS_EAUTH;
    if (r < 0)
        return r;
    sf->rx.early = false;
    mps_handshake_end(c);
    return 0;
}
