/* SPDX-License-Identifier: MIT */
/* Abort, fallback to plain TCP, early data, timeouts. */
#include "core/base/constants.h"
#include "core/conn/phase.h"
#include "core/conn/state.h"
#include "core/wire/frame.h"
#include "pair.h"

static void abort_tells_the_peer(void **state)
{
    struct pair *p = *state;

    pair_start_two(p);
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

    pair_start_two(p);
    p->links[0].cut = p->links[1].cut = true;
    mps_conn_abort(p->end[CLIENT].conn, p->now);
    pair_run(p, 30 * MPS_SEC);
    assert_true(p->end[CLIENT].closed);
}

static void abort_through_an_outage(void **state)
{
    struct pair *p = *state;

    pair_start_two(p);
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

    pair_start_two(p);
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

    pair_start_two(p);
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

    pair_start_two(p);
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

#define FINISHED_LEN (MPS_FRAME_PREFIX_LEN + MPS_HMAC_LEN + MPS_MAC_LEN)

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
    early = link->out[CLIENT].len + FINISHED_LEN;
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

/* What came with HELLO is read at once; that it is all is believed when FINISHED says so. */
static void early_end_waits_for_finished(void **state)
{
    struct pair *p = *state;
    unsigned steps = 0;

    p->cfg[CLIENT].zero_rtt = true;
    p->end[CLIENT].to_send = 1000;
    assert_int_equal(pair_start(p), 0);
    pair_step(p);
    mps_conn_app_fin(p->end[CLIENT].conn, p->now);
    p->end[CLIENT].fin = p->end[CLIENT].fin_sent = true;
    while (p->end[SERVER].conn->handshake) {
        assert_false(p->end[SERVER].eof);
        pair_step(p);
        assert_true(steps++ < 10);
    }
    assert_int_equal(p->end[SERVER].received, 1000);
    assert_true(p->end[SERVER].conn->rx.fin_known);
    assert_false(p->end[SERVER].eof);
    pair_settle(p);
    assert_true(p->end[SERVER].eof);
    p->end[SERVER].fin = true;
    pair_run(p, MPS_SEC);
    assert_true(pair_complete(p));
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
        T(early_end_waits_for_finished),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
