/* SPDX-License-Identifier: MIT */
/* Abort, fallback to plain TCP, early data, timeouts. */
#include "core/base/constants.h"
#include "core/conn/phase.h"
#include "core/wire/frame.h"
#include "pair.h"

static void start(struct pair *p)
{
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, 2);
}

static void abort_tells_the_peer(void **state)
{
    struct pair *p = *state;

    start(p);
    p->end[CLIENT].to_send = 100000;
    pair_settle(p);
    mps_conn_abort(p->end[CLIENT].conn, p->now);
    pair_settle(p);
    assert_true(p->end[SERVER].reset && p->end[SERVER].closed);
    assert_true(p->end[CLIENT].closed && !p->end[CLIENT].reset);
    assert_int_equal(p->end[CLIENT].n_sf_close, 2);
}

static void abort_into_silence(void **state)
{
    struct pair *p = *state;

    start(p);
    p->links[0].cut = p->links[1].cut = true;
    mps_conn_abort(p->end[CLIENT].conn, p->now);
    pair_run(p, 30 * MPS_SEC);
    assert_true(p->end[CLIENT].closed);
}

static void abort_through_an_outage(void **state)
{
    struct pair *p = *state;

    start(p);
    p->links[0].cut = p->links[1].cut = true;
    mps_conn_abort(p->end[CLIENT].conn, p->now);
    pair_run(p, 10 * MPS_SEC);
    p->links[0].cut = false;
    pair_run(p, 15 * MPS_SEC);
    assert_true(p->end[CLIENT].closed && p->end[SERVER].reset && p->end[SERVER].closed);
}

static void abort_while_opening(void **state)
{
    struct pair *p = *state;

    assert_int_equal(pair_start(p), 0);
    mps_conn_abort(p->end[CLIENT].conn, p->now);
    pair_settle(p);
    assert_true(p->end[CLIENT].closed && !p->end[CLIENT].plain);
}

static void close_with_unread_data(void **state)
{
    struct pair *p = *state;

    start(p);
    p->end[CLIENT].to_send = 5000;
    p->end[SERVER].stopped = true;
    pair_settle(p);
    mps_conn_app_close(p->end[SERVER].conn, p->now);
    pair_settle(p);
    assert_true(p->end[CLIENT].reset && p->end[CLIENT].closed && p->end[SERVER].closed);
}

static void data_after_close(void **state)
{
    struct pair *p = *state;

    start(p);
    p->end[SERVER].to_send = 200000;
    pair_settle(p);
    p->end[SERVER].stopped = true;
    mps_conn_app_close(p->end[SERVER].conn, p->now);
    pair_settle(p);
    assert_false(p->end[CLIENT].reset);
    assert_true(p->end[CLIENT].eof);
    assert_int_equal(p->end[CLIENT].received, 200000);
    p->end[CLIENT].to_send = 1;
    pair_settle(p);
    assert_true(p->end[CLIENT].reset && p->end[CLIENT].closed && p->end[SERVER].closed);
}

/* As FIN_WAIT_2: the application is gone, the peer never ends its stream. */
static void close_is_bounded(void **state)
{
    struct pair *p = *state;

    start(p);
    p->end[SERVER].to_send = 200000;
    pair_settle(p);
    mps_conn_app_close(p->end[SERVER].conn, p->now);
    pair_run(p, p->cfg[SERVER].close_timeout - MPS_SEC);
    assert_false(p->end[SERVER].closed);
    pair_run(p, 2 * MPS_SEC);
    assert_true(p->end[SERVER].closed);
}

/* ---- fallback ---- */

static void expect_replay(struct pair *p, uint64_t n)
{
    struct mps_span s[3];
    uint64_t at = 0;
    unsigned k;

    assert_true(p->end[CLIENT].plain);
    assert_int_equal(p->end[CLIENT].n_sf_close, 1);
    while ((k = mps_conn_plain_spans(p->end[CLIENT].conn, at, s, 3)) > 0) {
        for (unsigned i = 0; i < k; i++) {
            for (size_t j = 0; j < s[i].n; j++, at++)
                assert_int_equal(s[i].p[j], pair_byte(CLIENT, at));
        }
    }
    assert_int_equal(at, n);
}

static void foreign_answer(void **state)
{
    struct pair *p = *state;

    assert_int_equal(pair_start(p), 0);
    pair_inject(&p->links[0], SERVER, "220 mail.example.org ESMTP\r\n", 28);
    p->links[0].out[SERVER].eof = true;
    p->end[CLIENT].to_send = 1000;
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].sent, 0);
    expect_replay(p, 0);
}

static void no_answer(void **state)
{
    struct pair *p = *state;

    assert_int_equal(pair_start(p), 0);
    p->links[0].cut = true;
    pair_run(p, p->cfg[CLIENT].hello_timeout - MPS_MSEC);
    assert_false(p->end[CLIENT].plain);
    pair_run(p, 2 * MPS_MSEC);
    expect_replay(p, 0);
}

static void closed_without_answer(void **state)
{
    struct pair *p = *state;

    assert_int_equal(pair_start(p), 0);
    p->links[0].out[SERVER].reset = true;
    pair_settle(p);
    expect_replay(p, 0);
}

/* Early data to a peer that turns out to be something else: replayed in full. */
static void early_data_replayed(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].zero_rtt = true;
    assert_int_equal(pair_start(p), 0);
    p->end[CLIENT].to_send = 300000;
    p->links[0].cut = true;
    pair_settle(p);
    assert_true(p->end[CLIENT].sent > 65536);
    p->links[0].cut = false;
    p->links[0].out[CLIENT].len = 0;
    pair_inject(&p->links[0], SERVER, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    p->links[0].out[SERVER].eof = true;
    pair_settle(p);
    expect_replay(p, p->end[CLIENT].sent);
}

/* Early data that may have been acted upon is never sent twice. */
/* The server's agent takes nobody: it has given none of it to its program. */
static void early_data_refused(void **state)
{
    struct mps_opening msg = {.kind = MPS_OPENING_REFUSE, .reason = MPS_REASON_RESOURCES};
    uint8_t refuse[MPS_OPENING_MAX_LEN];
    struct pair *p = *state;

    p->cfg[CLIENT].zero_rtt = true;
    assert_int_equal(pair_start(p), 0);
    p->end[CLIENT].to_send = 1000;
    p->links[0].cut = true;
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].sent, 1000);
    p->links[0].cut = false;
    p->links[0].out[CLIENT].len = 0;
    pair_inject(&p->links[0], SERVER, refuse, mps_opening_encode(&msg, refuse));
    p->links[0].out[SERVER].reset = true;
    pair_settle(p);
    expect_replay(p, p->end[CLIENT].sent);
}

static void early_data_not_replayed(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].zero_rtt = true;
    assert_int_equal(pair_start(p), 0);
    p->end[CLIENT].to_send = 1000;
    p->links[0].cut = true;
    pair_settle(p);
    mps_subflow_down(p->links[0].sf[CLIENT], false, MPS_REASON_UNSPECIFIED, p->now);
    pair_settle(p);
    assert_true(p->end[CLIENT].reset && !p->end[CLIENT].plain);
}

static void early_data(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].zero_rtt = true;
    assert_int_equal(pair_start(p), 0);
    p->end[CLIENT].to_send = 500000;
    p->links[0].cut = true;
    pair_settle(p);
    /* HELLO and 64 KiB of data are under way before any answer. */
    assert_true(p->links[0].out[CLIENT].len > 65536);
    p->links[0].cut = false;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* Request, response and end, as in HTTP: no frame that says only what another says anyway. */
static void short_exchange(void **state)
{
    struct pair *p = *state;
    const struct pair_link *link = &p->links[0];
    uint64_t early;

    p->cfg[CLIENT].zero_rtt = true;
    assert_int_equal(pair_start(p), 0);
    p->end[CLIENT].to_send = 100;
    p->links[0].cut = true;
    pair_settle(p);
    early = link->out[CLIENT].len;
    p->links[0].cut = false;
    pair_settle(p);
    assert_int_equal(p->end[SERVER].received, 100);
    assert_int_equal(link->carried[CLIENT], early);

    uint64_t answered = link->carried[SERVER];
    p->end[SERVER].to_send = 1000;
    p->end[SERVER].fin = true;
    pair_settle(p);
    assert_true(p->end[CLIENT].eof);
    assert_int_equal(link->carried[CLIENT], early);
    assert_in_range(link->carried[SERVER], answered + 1000 + MPS_DSS_HEAD_LEN,
                    answered + 1000 + 2 * MPS_DSS_HEAD_LEN);

    answered = link->carried[SERVER];
    p->end[CLIENT].fin = true;
    pair_settle(p);
    assert_true(pair_complete(p));
    assert_int_equal(link->carried[CLIENT], early + MPS_DSS_HEAD_LEN);
    assert_int_equal(link->carried[SERVER], answered + MPS_DSS_HEAD_LEN);
}

/* Nobody waits long for an acknowledgment of the end, though the application does not close. */
static void end_is_acknowledged(void **state)
{
    struct pair *p = *state;
    uint64_t before;

    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
    before = p->links[0].carried[CLIENT];
    p->end[SERVER].fin = true;
    pair_settle(p);
    assert_true(p->end[CLIENT].eof);
    pair_run(p, 20 * MPS_MSEC);
    assert_int_equal(p->links[0].carried[CLIENT], before + MPS_DSS_HEAD_LEN);
}

/* ---- loss of everything ---- */

static void no_subflow_left(void **state)
{
    struct pair *p = *state;

    start(p);
    p->refuse_joins = true;
    pair_break(p, &p->links[1]);
    pair_break(p, &p->links[0]);
    pair_run(p, p->cfg[CLIENT].no_subflow_timeout - MPS_SEC);
    assert_false(p->end[CLIENT].reset || p->end[SERVER].reset);
    /* About once a second over each of the two pairs. */
    assert_in_range(p->end[CLIENT].n_open, 100, 140);
    pair_run(p, 2 * MPS_SEC);
    assert_true(p->end[CLIENT].reset && p->end[SERVER].reset);
    assert_int_equal(p->end[SERVER].reason, MPS_REASON_TIMEOUT);
    assert_true(p->end[CLIENT].closed && p->end[SERVER].closed);
}

/* A box may have forgotten the path: that the client does not come at once is no sign then. */
static void single_reset_is_no_sign(void **state)
{
    struct pair *p = *state;

    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
    p->silent_joins = true;
    pair_break(p, &p->links[0]);
    p->end[SERVER].to_send = 1000;
    pair_run(p, p->cfg[SERVER].no_subflow_timeout - MPS_SEC);
    assert_false(p->end[SERVER].reset);
    pair_run(p, 2 * MPS_SEC);
    assert_true(p->end[SERVER].reset);
}

/* Nothing came any more from a client that died in an outage, then TCP resets what was repeated. */
static void silence_counts(void **state)
{
    struct pair *p = *state;
    mps_time_t silence = 20 * MPS_SEC;

    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
    p->end[SERVER].to_send = 1000;
    p->links[0].cut = true;
    pair_run(p, silence);
    p->silent_joins = true;
    pair_break(p, &p->links[0]);
    pair_run(p, p->cfg[SERVER].no_subflow_timeout - silence - MPS_SEC);
    assert_false(p->end[SERVER].reset);
    pair_run(p, 2 * MPS_SEC);
    assert_true(p->end[SERVER].reset);
}

/* After the longest silence there is time for a join. */
static void silence_leaves_time_for_a_join(void **state)
{
    struct pair *p = *state;

    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
    p->end[SERVER].to_send = 1000;
    p->links[0].cut = true;
    pair_run(p, 2 * p->cfg[SERVER].no_subflow_timeout);
    p->silent_joins = true;
    pair_break(p, &p->links[0]);
    pair_run(p, p->cfg[SERVER].join_timeout - MPS_SEC);
    assert_false(p->end[SERVER].reset);
    pair_run(p, 2 * MPS_SEC);
    assert_true(p->end[SERVER].reset);
}

/* The kernel of a host whose agent died ends everything in order, TCP knows of nothing else. */
static void agent_of_the_client_died(void **state)
{
    struct pair *p = *state;

    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
    mps_subflow_down(p->links[0].sf[SERVER], true, MPS_REASON_UNSPECIFIED, p->now);
    p->links[0].sf[CLIENT] = NULL;
    p->end[CLIENT].conn = mps_conn_free(p->end[CLIENT].conn);
    pair_run(p, MPS_GONE_WAIT - MPS_MSEC);
    assert_false(p->end[SERVER].reset);
    pair_run(p, 2 * MPS_MSEC);
    assert_true(p->end[SERVER].reset);
}

/* Two paths break, and joins are refused, or answered by somebody who is no agent. */
static void refused_everywhere_but(struct pair *p, unsigned silent, enum mps_reason reason)
{
    start(p);
    p->silent_net = silent;
    p->refuse_joins = true;
    p->refuse_reason = reason;
    p->end[CLIENT].to_send = 1000;
    pair_break(p, &p->links[1]);
    pair_break(p, &p->links[0]);
    pair_run(p, MPS_SEC);
}

static void refused_everywhere(struct pair *p, enum mps_reason reason)
{
    refused_everywhere_but(p, 0, reason);
}

static void agent_of_the_server_died(void **state)
{
    struct pair *p = *state;

    refused_everywhere(p, MPS_REASON_PROHIBITED);
    assert_true(p->end[CLIENT].reset && p->end[CLIENT].closed);
}

/* The first pair leads to the program, as a join has found before. */
static void one_path_is_avoided(void **state)
{
    struct pair *p = *state;

    start(p);
    p->avoid_net = 1;
    p->refuse_joins = true;
    p->refuse_reason = MPS_REASON_PROHIBITED;
    p->end[CLIENT].to_send = 1000;
    pair_break(p, &p->links[1]);
    pair_break(p, &p->links[0]);
    pair_run(p, 2 * MPS_SEC);
    assert_true(p->end[CLIENT].reset && p->end[CLIENT].closed);
}

/*
 * The only pair that had worked is avoided, at once or after a refusal; the other one never worked.
 */
static void only_path_is_avoided(struct pair *p, unsigned spared)
{
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_settle(p);
    p->refuse_joins = true;
    p->refuse_reason = MPS_REASON_MIDDLEBOX;
    p->avoid_net = 1;
    p->spared = spared;
    p->end[CLIENT].to_send = 1000;
    pair_break(p, &p->links[0]);
    pair_settle(p);
    assert_false(p->end[CLIENT].reset);
    pair_add_local(p, 2);
    pair_run(p, 3 * MPS_SEC);
    assert_true(p->end[CLIENT].reset && p->end[CLIENT].closed);
}

static void avoided_after_refusal(void **state)
{
    only_path_is_avoided(*state, 1);
}

static void avoided_before(void **state)
{
    only_path_is_avoided(*state, 0);
}

static void another_server_answers(void **state)
{
    struct pair *p = *state;

    refused_everywhere(p, MPS_REASON_MIDDLEBOX);
    assert_true(p->end[CLIENT].reset && p->end[CLIENT].closed);
}

/* No route, no host: that says nothing of the peer. */
static void unreachable_is_no_answer(void **state)
{
    struct pair *p = *state;

    refused_everywhere(p, MPS_REASON_UNSPECIFIED);
    pair_run(p, 50 * MPS_SEC);
    assert_false(p->end[CLIENT].reset);
}

/* One path is silent: what refuses on the other one may be a box. */
static void one_path_is_silent(void **state)
{
    struct pair *p = *state;

    refused_everywhere_but(p, 2, MPS_REASON_PROHIBITED);
    pair_run(p, 40 * MPS_SEC);
    assert_false(p->end[CLIENT].reset);
}

static void peer_forgot_us(void **state)
{
    struct pair *p = *state;

    start(p);
    pair_break(p, &p->links[1]);
    pair_break(p, &p->links[0]);
    mps_conn_abort(p->end[SERVER].conn, p->now);
    pair_run(p, 100 * MPS_SEC);
    assert_true(p->end[SERVER].closed && p->end[CLIENT].closed && p->end[CLIENT].reset);
}

static void last_acknowledgment_lost(void **state)
{
    struct pair *p = *state;

    assert_int_equal(pair_start(p), 0);
    p->end[CLIENT].to_send = 1000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    while (!p->end[SERVER].eof || !p->end[CLIENT].fin_sent)
        assert_true(pair_step(p));
    p->links[0].out[CLIENT].len = p->links[0].out[SERVER].len = 0;
    pair_break(p, &p->links[0]);
    pair_run(p, 200 * MPS_SEC);
    assert_true(p->end[CLIENT].closed && p->end[SERVER].closed);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        T(abort_tells_the_peer),
        T(abort_into_silence),
        T(abort_through_an_outage),
        T(abort_while_opening),
        T(close_with_unread_data),
        T(data_after_close),
        T(close_is_bounded),
        T(foreign_answer),
        T(no_answer),
        T(closed_without_answer),
        T(early_data_replayed),
        T(early_data_not_replayed),
        T(early_data_refused),
        T(early_data),
        T(short_exchange),
        T(end_is_acknowledged),
        T(no_subflow_left),
        T(single_reset_is_no_sign),
        T(silence_counts),
        T(silence_leaves_time_for_a_join),
        T(agent_of_the_client_died),
        T(agent_of_the_server_died),
        T(another_server_answers),
        T(unreachable_is_no_answer),
        T(one_path_is_silent),
        T(one_path_is_avoided),
        T(avoided_after_refusal),
        T(avoided_before),
        T(peer_forgot_us),
        T(last_acknowledgment_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
