/* SPDX-License-Identifier: MIT */
/* What a connection records of itself (trace.h). */
#include "pair.h"
#include "core/conn/state.h"
#include "core/sched/sched.h"

#define KEPT 20000

static struct mps_trace_record records[KEPT];
static unsigned n_records;
static uint64_t left_out; /* bit i: kind i */

static void keep(void *user, const struct mps_trace_record *record)
{
    assert_ptr_equal(user, records);
    if (n_records < KEPT && !(left_out & UINT64_C(1) << record->type))
        records[n_records++] = *record;
}

/* The connections of this side record; to be called before pair_start. */
static void trace(struct pair *p)
{
    static const struct mps_trace taker = {keep, records};

    n_records = 0;
    left_out = 0;
    p->env.trace = &taker;
}

/* The i-th record of a kind by a connection; NULL behind the last one. */
static const struct mps_trace_record *find(const struct pair *p, int side, enum mps_trace_type type,
                                           unsigned i)
{
    for (unsigned k = 0; k < n_records; k++) {
        if (records[k].type == type && records[k].token == mps_conn_token(p->end[side].conn) &&
            i-- == 0)
            return &records[k];
    }
    return NULL;
}

static const struct mps_trace_record *expect(const struct pair *p, int side,
                                             enum mps_trace_type type, unsigned i)
{
    const struct mps_trace_record *r = find(p, side, type, i);

    if (!r)
        fail_msg("side %d: no record %d of kind %d", side, (int)i, (int)type);
    return r;
}

/* Bytes that the client gave to subflows for this cause. */
static uint64_t sent_for(const struct pair *p, enum mps_cause cause)
{
    const struct mps_trace_record *r;
    uint64_t sum = 0;

    for (unsigned i = 0; (r = find(p, CLIENT, MPS_TRACE_SENT, i)); i++) {
        if (strcmp(r->sent.cause, mps_cause_name(cause)) == 0)
            sum += r->sent.length;
    }
    return sum;
}

static bool waited(const struct pair *p, const char *why)
{
    const struct mps_trace_record *r;

    for (unsigned i = 0; (r = find(p, CLIENT, MPS_TRACE_WAITS, i)); i++) {
        if (strcmp(r->waits.why, why) == 0)
            return true;
    }
    return false;
}

static void start(struct pair *p, unsigned subflows)
{
    trace(p);
    assert_int_equal(pair_start(p), 0);
    for (unsigned i = 0; i < subflows; i++)
        pair_add_local(p, 1 + i);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_up, subflows);
}

static void finish(struct pair *p)
{
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 60 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* From the opening to the end, every byte once. */
static void life(void **state)
{
    struct pair *p = *state;
    const struct mps_trace_record *r;
    uint64_t fresh = 0;

    start(p, 2);
    p->end[CLIENT].to_send = 400000;
    finish(p);
    assert_string_equal(expect(p, CLIENT, MPS_TRACE_CONN_OPENED, 0)->conn_opened.role, "client");
    assert_string_equal(expect(p, SERVER, MPS_TRACE_CONN_OPENED, 0)->conn_opened.role, "server");
    r = expect(p, CLIENT, MPS_TRACE_CONN_PHASE, 0);
    assert_string_equal(r->conn_phase.old, "opening");
    assert_string_equal(r->conn_phase.phase, "open");
    assert_int_equal(r->conn_phase.peer_token, mps_conn_token(p->end[SERVER].conn));
    r = expect(p, CLIENT, MPS_TRACE_CONN_ENDED, 0);
    assert_string_equal(r->conn_ended.how, "closed");
    assert_int_equal(r->conn_ended.sent, 400001); /* with DATA_FIN */
    assert_int_equal(r->conn_ended.acknowledged, 400001);
    assert_null(find(p, CLIENT, MPS_TRACE_CONN_ENDED, 1));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(expect(p, CLIENT, MPS_TRACE_SF_ADDED, i)->subflow, 2 * i);
        assert_true(expect(p, CLIENT, MPS_TRACE_SF_ADDED, i)->sf_added.ours);
        assert_int_equal(expect(p, CLIENT, MPS_TRACE_SF_UP, i)->subflow, 2 * i);
        assert_true(expect(p, CLIENT, MPS_TRACE_SF_ENDED, i)->sf_ended.was_up);
        assert_false(expect(p, SERVER, MPS_TRACE_SF_ADDED, i)->sf_added.ours);
    }
    assert_int_equal(sent_for(p, MPS_CAUSE_NEW), 400000);
    for (unsigned i = 0; (r = find(p, SERVER, MPS_TRACE_RECEIVED, i)); i++)
        fresh += r->received.fresh;
    assert_int_equal(fresh, 400000);
    r = expect(p, CLIENT, MPS_TRACE_ACKED, 0);
    assert_in_range(r->acked.data_ack, 0, 400001);
    assert_true(expect(p, SERVER, MPS_TRACE_ACK_SENT, 0)->ack_sent.credit > 0);
}

/* Each pick follows what was seen of each candidate, and precedes what was sent there. */
static void picks(void **state)
{
    struct pair *p = *state;
    unsigned n = 0, seen = 0;

    start(p, 2);
    p->end[CLIENT].to_send = 100000;
    finish(p);
    for (unsigned k = 0; k < n_records; k++) {
        const struct mps_trace_record *r = &records[k];

        if (r->token != mps_conn_token(p->end[CLIENT].conn))
            continue;
        if (r->type == MPS_TRACE_CANDIDATE)
            seen++;
        if (r->type != MPS_TRACE_PICKED)
            continue;
        assert_in_range(seen, 1, 2);
        assert_true(r->picked.waiting > 0);
        assert_int_equal(records[k + 1].type, MPS_TRACE_SENT);
        assert_int_equal(records[k + 1].subflow, r->subflow);
        seen = 0;
        n++;
    }
    assert_true(n > 1);
}

static void no_credit(void **state)
{
    struct pair *p = *state;

    p->cfg[SERVER].rcv_buf_init = p->cfg[SERVER].rcv_buf_max = MPS_INITIAL_CREDIT_MIN;
    start(p, 1);
    p->end[SERVER].stopped = true;
    p->end[CLIENT].to_send = 4 * MPS_INITIAL_CREDIT_MIN;
    pair_settle(p);
    assert_true(waited(p, "no_credit"));
    p->end[SERVER].stopped = false;
    finish(p);
}

static void hangs_and_comes_back(void **state)
{
    struct pair *p = *state;
    const struct mps_trace_record *r;

    start(p, 2);
    p->links[1].cut = true;
    p->end[CLIENT].to_send = 500000;
    pair_run(p, 900 * MPS_MSEC);
    r = expect(p, CLIENT, MPS_TRACE_SF_STALE, 0);
    assert_int_equal(r->subflow, 2);
    assert_true(r->sf_stale.in_flight > 0);
    r = expect(p, CLIENT, MPS_TRACE_REPEAT, 0);
    assert_string_equal(r->repeat.cause, "stale");
    assert_true(r->repeat.runs > 0);
    assert_true(sent_for(p, MPS_CAUSE_STALE) > 0);
    assert_true(sent_for(p, MPS_CAUSE_STALE) <= r->repeat.length);
    p->links[1].cut = false;
    pair_run(p, 100 * MPS_MSEC);
    assert_true(expect(p, CLIENT, MPS_TRACE_SF_ALIVE, 0)->sf_alive.stale_us > 0);
    finish(p);
}

static void lost(void **state)
{
    struct pair *p = *state;
    const struct mps_trace_record *r;

    start(p, 2);
    p->links[1].losing = true; /* nothing moves there, and that is no silence */
    p->end[CLIENT].to_send = 500000;
    pair_settle(p);
    pair_break(p, &p->links[1]);
    pair_settle(p);
    r = expect(p, CLIENT, MPS_TRACE_SF_ENDED, 0);
    assert_int_equal(r->subflow, 2);
    assert_true(r->sf_ended.reset);
    assert_true(sent_for(p, MPS_CAUSE_LOST) > 0 || sent_for(p, MPS_CAUSE_TAIL) > 0);
    finish(p);
}

static void redundant(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].sched = &mps_sched_redundant;
    start(p, 2);
    p->end[CLIENT].to_send = 50000;
    finish(p);
    assert_int_equal(sent_for(p, MPS_CAUSE_NEW), 50000);
    assert_true(sent_for(p, MPS_CAUSE_REDUNDANT) > 0);
}

static void backup(void **state)
{
    struct pair *p = *state;
    struct mps_subflow *sf;
    bool told = false;

    start(p, 2);
    sf = p->links[1].sf[CLIENT];
    assert_int_equal(mps_conn_set_backup(p->end[CLIENT].conn, sf, true, p->now), 0);
    pair_settle(p);
    assert_true(expect(p, CLIENT, MPS_TRACE_SF_BACKUP, 0)->sf_backup.ours);
    assert_true(expect(p, SERVER, MPS_TRACE_SF_BACKUP, 0)->sf_backup.peers);
    for (unsigned i = 0; find(p, CLIENT, MPS_TRACE_CTRL_SENT, i); i++)
        told |= strcmp(find(p, CLIENT, MPS_TRACE_CTRL_SENT, i)->ctrl_sent.frame, "PRIO") == 0;
    assert_true(told);
    assert_string_equal(expect(p, SERVER, MPS_TRACE_CTRL_RECEIVED, 0)->ctrl_received.frame,
                        "FINISHED");
    assert_string_equal(expect(p, SERVER, MPS_TRACE_CTRL_RECEIVED, 1)->ctrl_received.frame, "PRIO");
    finish(p);
}

/* By decree one of two rests, for as long as the transfer lasts. */
static void rests(void **state)
{
    struct pair *p = *state;
    const struct mps_trace_record *r;

    p->cfg[CLIENT].fairness = MPS_FAIR_STRICT;
    start(p, 2);
    left_out = ~(UINT64_C(1) << MPS_TRACE_REST | UINT64_C(1) << MPS_TRACE_CONN_OPENED);
    p->end[CLIENT].to_send = UINT64_C(1) << 40;
    p->chunk = 100000;
    for (unsigned i = 0; i < 3000 && !find(p, CLIENT, MPS_TRACE_REST, 0); i++) {
        pair_step(p);
        p->now += MPS_MSEC;
        mps_conn_expire(p->end[CLIENT].conn, p->now);
    }
    r = expect(p, CLIENT, MPS_TRACE_REST, 0);
    assert_string_equal(r->rest.why, "decree");
    assert_int_equal(r->rest.leader + r->subflow, 2); /* of 0 and 2 the other one */
}

static void reset(void **state)
{
    struct pair *p = *state;
    const struct mps_trace_record *r;

    start(p, 1);
    mps_conn_abort(p->end[SERVER].conn, p->now);
    pair_settle(p);
    r = expect(p, CLIENT, MPS_TRACE_CONN_ENDED, 0);
    assert_string_equal(r->conn_ended.how, "reset");
    assert_string_equal(r->conn_ended.reason, "unspecified");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        TEST(life),  TEST(picks),     TEST(no_credit), TEST(hangs_and_comes_back),
        TEST(lost),  TEST(redundant), TEST(backup),    TEST(rests),
        TEST(reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
