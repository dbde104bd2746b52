/* SPDX-License-Identifier: MIT */
/* HELLO whose answer does not come: what TCP says of it decides, not a timeout. */
#include "core/conn/state.h"
#include "pair.h"

#define PING_LEN 32

/* TCP as the client's first socket sees it; round trips of 10 ms. */
struct tcp {
    struct pair *p;
    struct mps_metrics m;
};

static struct tcp start(struct pair *p, bool early)
{
    struct tcp t = {
        .p = p,
        .m = {.srtt_us = 10000,
              .min_rtt_us = 10000,
              .rttvar_us = 1000,
              .mss = 1448,
              .cwnd = 14480,
              .acked = 1,
              .delivered = 1},
    };

    p->no_metrics = true;
    p->cfg[CLIENT].zero_rtt = early;
    p->end[CLIENT].to_send = 1000;
    assert_int_equal(pair_start(p), 0);
    p->links[0].cut = true;
    mps_subflow_update(p->links[0].sf[CLIENT], &t.m, p->now);
    pair_settle(p);
    return t;
}

/*
 * Time passes, with a look at TCP whenever one is wanted; returns how much until a verdict, or all.
 */
static mps_time_t pass(struct tcp *t, mps_time_t duration)
{
    struct pair *p = t->p;
    struct pair_end *e = &p->end[CLIENT];
    mps_time_t begin = p->now, end = p->now + duration;

    while (p->now < end && !e->plain && !e->reset) {
        mps_time_t at = mps_conn_deadline(e->conn);

        p->now = at < end ? at : end;
        if (p->links[0].sf[CLIENT])
            mps_subflow_update(p->links[0].sf[CLIENT], &t->m, p->now);
        mps_conn_expire(e->conn, p->now);
        pair_settle(p);
    }
    return p->now - begin;
}

/* What follows HELLO is acknowledged, HELLO is not, and TCP has repeated it in vain. */
static void hello_is_missing(struct tcp *t)
{
    const struct pair_pipe *pipe = &t->p->links[0].out[CLIENT];
    size_t len = pipe->len;

    t->m.in_flight = 100;
    t->m.delivered = t->m.acked + 1448;
    t->m.repeats = 1;
    pass(t, 210 * MPS_MSEC);
    assert_false(t->p->end[CLIENT].plain);
    assert_int_equal(pipe->len, len + PING_LEN);
    t->m.repeats = 2;
}

/* So is what was sent to ask. */
static void box_eats_hello(struct tcp *t)
{
    hello_is_missing(t);
    t->m.delivered += 1448;
}

static void comes_back_plain(struct pair *p, enum mps_reason reason)
{
    struct mps_span spans[8];
    uint64_t n = 0;

    assert_true(p->end[CLIENT].plain);
    assert_false(p->end[CLIENT].reset);
    assert_int_equal(p->end[CLIENT].reason, reason);
    for (unsigned k; (k = mps_conn_plain_spans(p->end[CLIENT].conn, n, spans, 8)) > 0;) {
        for (unsigned i = 0; i < k; i++) {
            for (size_t j = 0; j < spans[i].n; j++)
                assert_int_equal(spans[i].p[j], pair_byte(CLIENT, n + j));
            n += spans[i].n;
        }
    }
    assert_int_equal(n, p->end[CLIENT].sent);
}

static void question_is_eaten(void **state)
{
    struct tcp t = start(*state, false);

    box_eats_hello(&t);
    assert_true(pass(&t, MPS_SEC) < 200 * MPS_MSEC);
    comes_back_plain(t.p, MPS_REASON_MIDDLEBOX);
}

/* The server never saw what went with it: nothing is done twice. */
static void question_with_data_is_eaten(void **state)
{
    struct tcp t = start(*state, true);

    assert_true(((struct pair *)*state)->end[CLIENT].conn->tx.early_taken);
    box_eats_hello(&t);
    assert_true(pass(&t, MPS_SEC) < 200 * MPS_MSEC);
    assert_int_equal(t.p->end[CLIENT].sent, 1000);
    comes_back_plain(t.p, MPS_REASON_MIDDLEBOX);
}

/* What follows the answer has come, then nothing: only what the client sends tells of the path. */
static void box_eats_answer(struct tcp *t)
{
    const struct pair_pipe *pipe = &t->p->links[0].out[CLIENT];
    size_t len = pipe->len;

    t->m.acked = t->m.delivered = 200;
    t->m.beyond = 1;
    assert_true(pass(t, MPS_SEC) == MPS_SEC);
    assert_int_equal(pipe->len, len + PING_LEN);
}

static void answer_is_eaten(void **state)
{
    struct tcp t = start(*state, false);

    box_eats_answer(&t);
    t.m.acked = t.m.delivered = 216;
    assert_true(pass(&t, MPS_SEC) < 100 * MPS_MSEC);
    comes_back_plain(t.p, MPS_REASON_MIDDLEBOX);
}

/* The server may have acted upon the data. */
static void answer_to_data_is_eaten(void **state)
{
    struct tcp t = start(*state, true);

    box_eats_answer(&t);
    t.m.acked = t.m.delivered = 216;
    assert_true(pass(&t, MPS_SEC) < 100 * MPS_MSEC);
    assert_true(t.p->end[CLIENT].reset);
    assert_false(t.p->end[CLIENT].plain);
}

/*
 * Nothing was on its way when the path fell silent: the question finds out, and the answer comes.
 */
static void silence_without_data_is_no_box(void **state)
{
    struct tcp t = start(*state, true);
    struct pair *p = *state;

    box_eats_answer(&t);
    for (mps_time_t age = 0; age < 7 * MPS_SEC; age += 20 * MPS_MSEC) {
        t.m.in_flight = 16;
        t.m.ack_age_us = (uint32_t)(age / MPS_USEC);
        pass(&t, 20 * MPS_MSEC);
    }
    t.m.in_flight = t.m.ack_age_us = 0;
    t.m.acked = t.m.delivered = 216;
    pass(&t, 5 * MPS_SEC);
    assert_false(p->end[CLIENT].plain || p->end[CLIENT].reset);
    p->links[0].cut = false;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* TCP repairs it: the connection is what it would have been. */
static void losses_are_repaired(void **state)
{
    struct tcp t = start(*state, false);
    struct pair *p = *state;

    box_eats_hello(&t);
    pass(&t, 50 * MPS_MSEC);
    t.m.acked = t.m.delivered = 200;
    t.m.beyond = 1; /* and the answer is lost, too */
    pass(&t, 500 * MPS_MSEC);
    p->links[0].cut = false;
    pair_run(p, 100 * MPS_MSEC);
    assert_true(p->end[CLIENT].established);
    assert_true(p->end[CLIENT].conn->answer.look_at == MPS_NEVER);
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* An outage behind the loss of HELLO: the server may have it, and what came with it, by now. */
static void silence_after_data_is_no_box(void **state)
{
    struct tcp t = start(*state, true);
    struct pair *p = *state;

    hello_is_missing(&t);
    t.m.repeats = 5;
    pass(&t, 8 * MPS_SEC);
    assert_false(p->end[CLIENT].plain || p->end[CLIENT].reset);
    t.m.acked = t.m.delivered = 3000;
    p->links[0].cut = false;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* Nothing arrives at all: no box is to blame, the path may be dead for a while. */
static void silence_is_no_proof(void **state)
{
    struct tcp t = start(*state, false);

    t.m.in_flight = 100;
    t.m.repeats = 4;
    assert_int_equal(pass(&t, 10 * MPS_SEC), MPS_DEFAULT_HELLO);
    comes_back_plain(t.p, MPS_REASON_MIDDLEBOX);
}

/* It has HELLO and does not react: a server that is slow to accept looks so, or a program. */
static void slow_server(void **state)
{
    struct tcp t = start(*state, false);

    t.m.acked = t.m.delivered = 200;
    assert_int_equal(pass(&t, 10 * MPS_SEC), MPS_DEFAULT_HELLO);
    comes_back_plain(t.p, MPS_REASON_TIMEOUT);
}

/* Data went with it: it is waited for as TCP would, but nobody else should rely on it. */
static void slow_server_with_data(void **state)
{
    struct tcp t = start(*state, true);
    struct pair *p = *state;

    t.m.acked = t.m.delivered = 200;
    pass(&t, MPS_DEFAULT_HELLO - MPS_MSEC);
    assert_false(p->end[CLIENT].unanswered);
    pass(&t, 2 * MPS_MSEC);
    assert_true(p->end[CLIENT].unanswered);
    pass(&t, 50 * MPS_SEC);
    assert_false(p->end[CLIENT].plain || p->end[CLIENT].reset);
    p->links[0].cut = false;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
}

static void address_goes(void **state)
{
    struct tcp t = start(*state, false);

    mps_conn_first_address_gone(t.p->end[CLIENT].conn, t.p->now);
    pair_settle(t.p);
    comes_back_plain(t.p, MPS_REASON_ADDRESS_GONE);
}

/* Whether the data arrived cannot be known any more. */
static void address_goes_with_data(void **state)
{
    struct tcp t = start(*state, true);

    mps_conn_first_address_gone(t.p->end[CLIENT].conn, t.p->now);
    pair_settle(t.p);
    assert_true(t.p->end[CLIENT].reset);
    assert_false(t.p->end[CLIENT].plain);
    assert_int_equal(t.p->end[CLIENT].reason, MPS_REASON_ADDRESS_GONE);
}

/* Later the connection is not bound to it. */
static void address_goes_later(void **state)
{
    struct pair *p = *state;

    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
    mps_conn_first_address_gone(p->end[CLIENT].conn, p->now);
    p->end[CLIENT].to_send = 1000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* The first message leaves alone, however much of it the socket takes, and something follows. */
static void leaves_alone(struct pair *p, int side)
{
    struct mps_subflow *sf = p->links[0].sf[side];
    struct mps_opening msg;
    struct mps_span s[4];
    size_t len;

    assert_int_equal(mps_subflow_tx_spans(sf, s, 4), 1);
    assert_int_equal(mps_opening_parse(s[0].p, s[0].n, &msg, &len), 0);
    assert_int_equal(len, s[0].n);
    pair_inject(&p->links[0], side, s[0].p, 10);
    mps_subflow_tx_done(sf, 10, p->now);
    assert_int_equal(mps_subflow_tx_spans(sf, s, 4), 1);
    assert_int_equal(s[0].n, len - 10);
    pair_inject(&p->links[0], side, s[0].p, s[0].n);
    mps_subflow_tx_done(sf, s[0].n, p->now);
    assert_int_equal(mps_subflow_tx_spans(sf, s, 4), 1);
    assert_true(s[0].n >= MPS_FRAME_PREFIX_LEN);
}

static void first_messages_are_alone(void **state)
{
    struct pair *p = *state;

    p->links[0].cut = true;
    assert_int_equal(pair_start(p), 0);
    leaves_alone(p, CLIENT);
    /* The padding of a client that has no answer yet tells the server nothing. */
    p->links[0].cut = false;
    p->chunk = 1;
    while (!p->links[0].sf[SERVER])
        assert_true(pair_step(p));
    for (unsigned i = 0; i < MPS_PADDING_HEAD_LEN; i++)
        pair_step(p);
    assert_false(p->end[SERVER].conn->rx.confirmed);
    p->chunk = 0;
    pair_settle(p);
    assert_true(p->end[CLIENT].established);
    assert_true(p->end[SERVER].conn->rx.confirmed);
}

/* An outage behind a loss: nothing can come, so that nothing is eaten. */
static void silence_is_no_box(void **state)
{
    struct mps_metrics m = {.srtt_us = 20000, .beyond = 1, .in_flight = 1000, .ack_age_us = 400000};
    struct mps_answer a;
    mps_time_t t = MPS_SEC;

    mps_answer_await(&a, t);
    for (; t <= 6 * MPS_SEC; t += 50 * MPS_MSEC)
        assert_int_equal(mps_answer_update(&a, &m, t), MPS_ANSWER_AWAITED);
    m.ack_age_us = 10000; /* acknowledgments come again, the answer does not; TCP may be slow to */
    for (; t <= 10 * MPS_SEC; t += 50 * MPS_MSEC)
        assert_int_equal(mps_answer_update(&a, &m, t), MPS_ANSWER_AWAITED);
    t += MPS_SEC;
    assert_int_equal(mps_answer_update(&a, &m, t), MPS_ANSWER_ASK);
    assert_int_equal(mps_answer_update(&a, &m, t), MPS_ANSWER_AWAITED);
    m.delivered += 16;
    assert_int_equal(mps_answer_update(&a, &m, t), MPS_ANSWER_EATEN);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_is_no_box),
        CASE(question_is_eaten),
        CASE(question_with_data_is_eaten),
        CASE(answer_is_eaten),
        CASE(answer_to_data_is_eaten),
        CASE(silence_without_data_is_no_box),
        CASE(silence_after_data_is_no_box),
        CASE(losses_are_repaired),
        CASE(silence_is_no_proof),
        CASE(slow_server),
        CASE(slow_server_with_data),
        CASE(first_messages_are_alone),
        CASE(address_goes),
        CASE(address_goes_with_data),
        CASE(address_goes_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
