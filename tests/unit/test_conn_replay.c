/* SPDX-License-Identifier: MIT */
/* Messages of a join that are sent again, by somebody who saw them, from elsewhere or later. */
#include "pair.h"

/* What each side wrote first on the join that is watched. */
static struct {
    uint8_t bytes[2][2 * MPS_OPENING_MAX_LEN];
    size_t n[2];
} heard;

static void listen_in(struct pair_link *link, int from, uint8_t *p, size_t n)
{
    size_t room = sizeof(heard.bytes[from]) - heard.n[from];

    if (n > room)
        n = room;
    memcpy(heard.bytes[from] + heard.n[from], p, n);
    heard.n[from] += n;
}

/* The message of that side with that place in its order, as it was on the wire. */
static const uint8_t *message(int from, unsigned place, size_t *ret_len)
{
    const uint8_t *at = heard.bytes[from];
    size_t left = heard.n[from], len = 0;
    struct mps_opening msg;

    for (unsigned i = 0; i <= place; i++) {
        at += len;
        left -= len;
        assert_int_equal(mps_opening_parse(at, left, &msg, &len), 0);
    }
    *ret_len = len;
    return at;
}

static void start(struct pair *p)
{
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_settle(p);
    memset(&heard, 0, sizeof(heard));
}

/* A join whose every message was heard, links[1]. */
static void join(struct pair *p)
{
    p->tamper = listen_in;
    pair_add_local(p, 2);
    pair_settle(p);
    p->tamper = NULL;
    assert_int_equal(p->end[SERVER].n_up, 2);
    p->links[1].tamper = NULL;
}

static int replay_join(struct pair *p, struct mps_subflow **ret)
{
    struct mps_addr to = pair_addr(1, 2, 80), from = pair_addr(66, 6, 6666);
    struct mps_opening msg;
    size_t len;

    message(CLIENT, 0, &len);
    assert_int_equal(mps_opening_parse(heard.bytes[CLIENT], len, &msg, &len), 0);
    assert_int_equal(msg.kind, MPS_OPENING_JOIN);
    return mps_conn_join_accept(p->end[SERVER].conn, &msg, &to, &from, p->now, ret);
}

static void finish(struct pair *p)
{
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 300000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* Its number was used: while the join lives, and after that. */
static void join_again(void **state)
{
    struct pair *p = *state;
    struct mps_subflow *sf;

    start(p);
    join(p);
    assert_int_equal(replay_join(p, &sf), MPS_EPROTO);
    p->refuse_joins = true;
    pair_break(p, &p->links[1]);
    pair_settle(p);
    assert_int_equal(replay_join(p, &sf), MPS_EPROTO);
    finish(p);
}

static void give(struct mps_subflow *sf, const uint8_t *bytes, size_t n, mps_time_t now)
{
    struct mps_span s[2];

    assert_int_equal(mps_subflow_rx_spans(sf, s), 1);
    assert_true(s[0].n >= n);
    memcpy(s[0].p, bytes, n);
    assert_true(mps_subflow_rx_done(sf, n, now) < 0);
    assert_int_equal(mps_subflow_state(sf), MPS_SF_DEAD);
}

/* The confirmation is heard, and does not arrive as it was. */
static void spoil_confirm(struct pair_link *link, int from, uint8_t *p, size_t n)
{
    struct mps_opening msg;
    size_t len;

    listen_in(link, from, p, n);
    if (from == CLIENT && mps_opening_parse(p, n, &msg, &len) == 0 &&
        msg.kind == MPS_OPENING_JOIN_CONFIRM)
        p[len - 1] ^= 1;
}

/*
 * A join that was not confirmed leaves its number free: the same JOIN is answered again, but the
 * confirmation that was heard is one of another nonce.
 */
static void join_and_confirm_again(void **state)
{
    struct pair *p = *state;
    struct mps_subflow *sf = NULL;
    const uint8_t *confirm;
    size_t len;

    start(p);
    p->tamper = spoil_confirm;
    pair_add_local(p, 2);
    while (p->end[SERVER].n_sf_close == 0)
        assert_true(pair_step(p));
    p->tamper = NULL;
    p->refuse_joins = true;
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, 1);
    assert_int_equal(replay_join(p, &sf), 0);
    confirm = message(CLIENT, 1, &len);
    give(sf, confirm, len, p->now);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, 1);
    finish(p);
}

/*
 * Somebody at the server's address answers the next join by what the server said to the last one.
 */
static void reply_again(struct pair_link *link, int from, uint8_t *p, size_t n)
{
    const uint8_t *reply;
    size_t len;

    if (from != SERVER)
        return;
    reply = message(SERVER, 0, &len);
    assert_true(n >= len);
    memcpy(p, reply, len);
    link->tamper = NULL;
}

static void reply_of_before(void **state)
{
    struct pair *p = *state;

    start(p);
    join(p);
    p->tamper = reply_again;
    pair_add_local(p, 3);
    pair_settle(p);
    p->tamper = NULL;
    assert_int_equal(p->end[CLIENT].n_open, 2);
    assert_int_equal(p->end[CLIENT].n_up, 2);
    assert_int_equal(p->end[SERVER].n_up, 2);
    assert_int_equal(p->end[CLIENT].n_sf_close, 1);
    finish(p);
}

/* What the client sends is its own message, come back: it proves nothing. */
static void reflected(void **state)
{
    struct pair *p = *state;
    struct mps_subflow *sf = NULL;
    const uint8_t *reply;
    struct mps_opening own = {.kind = MPS_OPENING_JOIN, .join = {.subflow_id = 50, .addr_id = 7}};
    struct mps_addr a = pair_addr(1, 2, 80), b = pair_addr(66, 6, 6);
    size_t len;

    start(p);
    join(p);
    own.join.token = mps_conn_token(p->end[SERVER].conn);
    own.len = mps_opening_encode(&own, own.bytes);
    assert_int_equal(mps_conn_join_accept(p->end[SERVER].conn, &own, &a, &b, p->now, &sf), 0);
    reply = message(SERVER, 0, &len);
    give(sf, reply, len, p->now);
    finish(p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        T(join_again),
        T(join_and_confirm_again),
        T(reply_of_before),
        T(reflected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
