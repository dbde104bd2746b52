/* SPDX-License-Identifier: MIT */
/* Every subflow is lost: how long a connection waits, and what it takes for an answer. */
#include "core/base/constants.h"
#include "core/conn/phase.h"
#include "core/wire/frame.h"
#include "pair.h"

static void no_subflow_left(void **state)
{
    struct pair *p = *state;

    pair_start_two(p);
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
    pair_start_two(p);
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

    pair_start_two(p);
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

    pair_start_two(p);
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
        T(no_subflow_left),          T(single_reset_is_no_sign),
        T(silence_counts),           T(silence_leaves_time_for_a_join),
        T(agent_of_the_client_died), T(agent_of_the_server_died),
        T(another_server_answers),   T(unreachable_is_no_answer),
        T(one_path_is_silent),       T(one_path_is_avoided),
        T(avoided_after_refusal),    T(avoided_before),
        T(peer_forgot_us),           T(last_acknowledgment_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
