/* SPDX-License-Identifier: MIT */
/*
 * Somebody on a path who makes up, changes, repeats, reflects or moves frames, or changes the
 * opening: one subflow ends at most, and nobody is established with what was changed.
 */
#include "pair.h"
#include "core/base/crc32c.h"
#include "core/subflow/state.h"
#include "core/wire/auth.h"

static void start_with_join(struct pair *p)
{
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, 2);
    p->refuse_joins = true;
}

static void put_crc(uint8_t *buf, size_t at, size_t len)
{
    uint32_t crc;

    memset(buf + at, 0, 4);
    crc = mps_crc32c(0, buf, len);
    for (unsigned i = 0; i < 4; i++)
        buf[at + i] = (uint8_t)(crc >> (24 - 8 * i));
}

/* One subflow is gone, the other one carries everything. */
static void expect_survival(struct pair *p)
{
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_sf_close, 1);
    assert_int_equal(p->end[CLIENT].n_sf_close, 1);
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 20000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
}

#define TYPE(name, number, member, space, flags, fields) MPS_FRAME_##name,

static const enum mps_frame_type types[] = {MPS_CTRL_FRAMES(TYPE, MPS_CTRL_NOTHING)};

#define N_TYPES (sizeof(types) / sizeof(types[0]))

/* The head of a frame of each kind, the last one a DSS; its length without the MAC. */
static size_t head_of(unsigned kind, uint8_t *out)
{
    struct mps_ctrl ctrl;
    struct mps_dss dss = {.credit = 1};

    if (kind == N_TYPES) {
        mps_dss_encode_head(&dss, out);
        return MPS_DSS_OPEN_LEN;
    }
    memset(&ctrl, 0, sizeof(ctrl));
    ctrl.type = types[kind];
    if (ctrl.type == MPS_FRAME_ADD_ADDR)
        ctrl.add_addr.addr = pair_addr(9, 9, 9);
    return mps_ctrl_encode(&ctrl, out);
}

/* Each byte of each kind of head is changed; `knows`: by somebody who makes the CRC right. */
static void each_byte(bool knows)
{
    uint8_t head[MPS_CTRL_MAX_LEN];

    for (unsigned kind = 0; kind <= N_TYPES; kind++) {
        size_t len = head_of(kind, head);

        for (size_t at = 0; at < len + MPS_MAC_LEN; at += knows ? 1 : 3) {
            struct pair *p = malloc(sizeof(*p));
            uint8_t bytes[MPS_CTRL_MAX_LEN + 64] = {0}; /* a longer frame has to end, too */
            struct mps_seal *seal;

            pair_init(p);
            start_with_join(p);
            seal = &p->links[1].sf[CLIENT]->tx.seal;
            memcpy(bytes, head, len);
            assert_int_equal(mps_seal_head(&p->crypto.crypto, seal, seal->next++, bytes, len), 0);
            bytes[at] ^= 0x04;
            if (knows && at < len && !(at >= 4 && at < 8))
                put_crc(bytes, 4, len);
            pair_inject(&p->links[1], CLIENT, bytes, sizeof(bytes));
            expect_survival(p);
            if (knows && ((at >= 8 && at < len) || at == 1 || at >= len)) {
                assert_int_equal(p->end[SERVER].n_forged, 1);
                assert_int_equal(p->end[CLIENT].n_forged, 1); /* it was told */
            }
            pair_free(p);
            free(p);
        }
    }
}

static void changed_heads(void **state)
{
    each_byte(false);
}

static void forged_heads(void **state)
{
    each_byte(true);
}

/* ---- frames that were the peer's, at another place ---- */

static struct {
    uint8_t bytes[4096];
    size_t n;
} heard;

static void listen_in(struct pair_link *l, int from, uint8_t *p, size_t n)
{
    if (from != CLIENT || heard.n + n > sizeof(heard.bytes))
        return;
    memcpy(heard.bytes + heard.n, p, n);
    heard.n += n;
}

/* A PING of the client's on the second subflow, as it was on the wire. */
static void hear_ping(struct pair *p)
{
    struct mps_ctrl ping = {.type = MPS_FRAME_PING, .ping.opaque = 7};
    uint8_t head[MPS_CTRL_MAX_LEN];

    heard.n = 0;
    start_with_join(p);
    p->links[1].tamper = listen_in;
    pair_inject_frame(p, &p->links[1], CLIENT, head, mps_ctrl_encode(&ping, head));
    pair_settle(p);
    assert_true(heard.n >= 32);
    assert_int_equal(heard.bytes[0], MPS_FRAME_PING);
    p->links[1].tamper = NULL;
}

static void replayed(void **state)
{
    struct pair *p = *state;

    hear_ping(p);
    pair_inject(&p->links[1], CLIENT, heard.bytes, 32);
    expect_survival(p);
    assert_int_equal(p->end[SERVER].n_forged, 1);
}

static void reflected(void **state)
{
    struct pair *p = *state;

    hear_ping(p);
    pair_inject(&p->links[1], SERVER, heard.bytes, 32);
    expect_survival(p);
    assert_int_equal(p->end[CLIENT].n_forged, 1);
}

static void moved(void **state)
{
    struct pair *p = *state;

    hear_ping(p);
    pair_inject(&p->links[0], CLIENT, heard.bytes, 32);
    expect_survival(p);
    assert_int_equal(p->end[SERVER].n_forged, 1);
}

/* ---- the opening ---- */

static size_t flip_at, message_len;
static int flip_from;

static void flip_message(struct pair_link *l, int from, uint8_t *p, size_t n)
{
    struct mps_opening msg;
    size_t len;

    if (from != flip_from || mps_opening_parse(p, n, &msg, &len) != 0)
        return;
    message_len = len;
    p[flip_at] ^= 0x01;
    if (flip_at < 12 || flip_at >= 16)
        put_crc(p, 12, len);
    l->tamper = NULL;
}

/* Every byte of HELLO, or of its answer, is changed by somebody who makes the CRC right. */
static void each_byte_of(int from)
{
    message_len = SIZE_MAX;
    flip_from = from;
    for (flip_at = 0; flip_at < message_len; flip_at++) {
        struct pair *p = malloc(sizeof(*p));

        if (flip_at == 10)
            flip_at = 12; /* its length: the rest comes never, or is foreign */
        pair_init(p);
        p->tamper = flip_message;
        assert_int_equal(pair_start(p), 0);
        p->end[CLIENT].to_send = 1000;
        pair_run(p, 10 * MPS_SEC);
        assert_false(p->end[CLIENT].established);
        assert_int_equal(p->end[SERVER].received, 0);
        pair_free(p);
        free(p);
    }
    assert_in_range(message_len, 80, 200);
}

static void changed_hello(void **state)
{
    each_byte_of(CLIENT);
}

static void changed_answer(void **state)
{
    each_byte_of(SERVER);
}

static void flip_early(struct pair_link *l, int from, uint8_t *p, size_t n)
{
    if (from != CLIENT || n < 500)
        return;
    p[n - 10] ^= 0x20; /* of a payload without a MAC */
    l->tamper = NULL;
}

/* What came before the secrets were there, and was not the client's, does not stay. */
static void changed_early_data(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].zero_rtt = true;
    assert_int_equal(pair_start(p), 0);
    p->links[0].tamper = flip_early;
    p->end[SERVER].stopped = true; /* or the test would find the wrong byte */
    p->end[CLIENT].to_send = 1000;
    pair_run(p, 5 * MPS_SEC);
    assert_true(p->end[SERVER].reset);
    assert_int_equal(p->end[SERVER].reason, MPS_REASON_BAD_MAC);
    assert_true(p->end[CLIENT].reset);
}

/* ---- pre-shared keys ---- */

static const struct mps_psk alice = {"alice", 5, "a key of sixteen", 16};
static const struct mps_psk wrong = {"alice", 5, "another sixteen.", 16};
static const struct mps_psk bob = {"bob", 3, "a key of sixteen", 16};

static void with_keys(struct pair *p, const struct mps_psk *client, const struct mps_psk *server)
{
    p->cfg[CLIENT].psk = client;
    p->cfg[SERVER].psk = server;
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 1000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    assert_int_equal(pair_start(p), 0);
    pair_run(p, 5 * MPS_SEC);
}

/* Whoever is the peer of both hosts is one without a key, and none with one that is not known. */
static void right_key(void **state)
{
    with_keys(*state, &alice, &alice);
    assert_true(pair_complete(*state));
}

static void no_key(void **state)
{
    with_keys(*state, NULL, &alice);
    assert_true(pair_complete(*state));
}

static void wrong_key(void **state)
{
    struct pair *p = *state;

    with_keys(p, &alice, &wrong);
    assert_false(p->end[CLIENT].established);
    assert_true(p->end[CLIENT].plain);
    assert_int_equal(p->end[CLIENT].reason, MPS_REASON_BAD_HMAC);
    assert_int_equal(p->end[SERVER].received, 0);
}

static void other_identity(void **state)
{
    struct mps_psk const *known[] = {&bob, NULL};
    struct mps_opening hello = {.kind = MPS_OPENING_HELLO,
                                .hello = {.identity = "alice", .identity_len = 5}};
    struct pair *p = *state;
    struct mps_conn *conn;

    for (unsigned i = 0; i < 2; i++) {
        p->cfg[SERVER].psk = known[i];
        assert_int_equal(mps_conn_new_server(&conn, &p->env, &p->cfg[SERVER], &hello, p->now),
                         MPS_EAUTH);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_heads),
        cmocka_unit_test(forged_heads),
        T(replayed),
        T(reflected),
        T(moved),
        cmocka_unit_test(changed_hello),
        cmocka_unit_test(changed_answer),
        T(changed_early_data),
        T(right_key),
        T(no_key),
        T(wrong_key),
        T(other_identity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
