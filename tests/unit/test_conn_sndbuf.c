/* SPDX-License-Identifier: MIT */
/* How many bytes of the application are taken before the peer has them. */
#include "core/base/constants.h"
#include "core/send/sndbuf.h"
#include "core/subflow/room.h"
#include "pair.h"

#define PLENTY 64000000u

/* Taken, and not DATA_ACKed, while nothing arrives any more. */
static uint64_t taken(struct pair *p)
{
    p->end[CLIENT].to_send = PLENTY;
    for (unsigned i = 0; i < p->n_links; i++)
        p->links[i].cut = true;
    pair_settle(p);
    return mps_conn_unacked(p->end[CLIENT].conn);
}

static void start(struct pair *p, uint64_t rate, uint32_t srtt_us, unsigned more)
{
    /* The second path is there first, so that its measurements are. */
    assert_int_equal(pair_start(p), 0);
    for (unsigned i = 0; i < more; i++)
        pair_add_local(p, 2 + i);
    pair_settle(p);
    for (unsigned i = 0; i < p->n_links; i++) {
        p->links[i].rate = rate;
        p->links[i].srtt_us = srtt_us;
    }
    p->end[CLIENT].to_send = 1;
    pair_settle(p);
    assert_int_equal(p->n_links, 1 + more);
}

/* A third of a second of what they carry. */
static void slow_paths(void **state)
{
    struct pair *p = *state;

    start(p, 250000, 40000, 1);
    assert_in_range(taken(p), 2 * 250000 / 10, 2 * 250000 / 3);
}

/* Twice the congestion windows, and what a late acknowledgment leaves there. */
static void fast_paths(void **state)
{
    struct pair *p = *state;
    uint64_t sum = 2 * 12500000, flight = sum / 20;

    p->cfg[SERVER].rcv_buf_init = 8u << 20;
    start(p, sum / 2, 50000, 1);
    assert_in_range(taken(p), 2 * flight, 4 * flight + sum / (MPS_SEC / MPS_SND_BUF_LATE));
}

/* Loopback, by what it seemed to carry for an instant, to a peer that does not read. */
static void peer_does_not_read(void **state)
{
    struct pair *p = *state;

    p->cfg[SERVER].rcv_buf_init = 300000;
    start(p, 30000000000, 200, 1);
    p->end[SERVER].stopped = true;
    p->end[CLIENT].to_send = PLENTY;
    pair_run(p, MPS_SEC);
    assert_in_range(p->end[CLIENT].sent, 2 * 300000, 3 * 300000 + 1);
}

/*
 * One path takes longer: beyond two round trips of it, there is room for what the faster one brings
 * while the slow one's data are under way; without that a path of 75 ms beside one of 10 made the
 * stream stand still for 160 ms.
 */
static void waits_for_slow_path(void **state)
{
    struct pair *p = *state;
    uint64_t fast = 1000000, slow = 250000, flight = (fast + slow) / 5;
    uint64_t lead = fast / 5 - fast / 50; /* in 180 ms */

    start(p, fast, 20000, 1);
    p->links[1].rate = slow;
    p->links[1].srtt_us = 200000;
    p->end[CLIENT].to_send = 1;
    pair_settle(p);
    assert_in_range(taken(p), 2 * flight + 2 * lead, 4 * flight + 2 * lead);
}

static void as_the_program_asks(void **state)
{
    struct pair *p = *state;

    start(p, 12500000, 50000, 1);
    mps_conn_limit_send_buffer(p->end[CLIENT].conn, 65536, 0, p->now);
    assert_int_equal(taken(p), 65536);
    /* Never more than the paths are worth, whatever it asks for. */
    mps_conn_limit_send_buffer(p->end[CLIENT].conn, 1u << 30, 0, p->now);
    assert_true(taken(p) <= 6000000);
}

static void sockets_hold(struct pair *p, uint64_t notsent)
{
    struct mps_metrics m = {
        .srtt_us = 50000,
        .min_rtt_us = 50000,
        .mss = 1448,
        .rate = 12500000,
        .notsent = notsent,
    };

    for (unsigned i = 0; i < p->n_links; i++)
        mps_subflow_update(p->links[i].sf[CLIENT], &m, p->now);
}

/* What is not sent is bounded: beside what the sockets need to send all the time. */
static void unsent(void **state)
{
    struct pair *p = *state;
    struct mps_conn_info info;

    start(p, 12500000, 50000, 1);
    p->no_metrics = true;
    sockets_hold(p, 1000000);
    mps_conn_limit_send_buffer(p->end[CLIENT].conn, 0, 16384, p->now);
    taken(p);
    mps_conn_info(p->end[CLIENT].conn, &info);
    assert_int_equal(info.snd_queued, MPS_UNSENT_MIN);
    assert_int_equal(mps_conn_unsent_in_all(p->end[CLIENT].conn), 2000000 + MPS_UNSENT_MIN);
    /* As soon as there is room for it the rest follows. */
    sockets_hold(p, 0);
    pair_settle(p);
    assert_true(mps_conn_unacked(p->end[CLIENT].conn) > 2 * MPS_ROOM_UNKNOWN);
}

/* A small buffer loses nothing and ends. */
static void arrives(void **state)
{
    struct pair *p = *state;

    start(p, 12500000, 50000, 1);
    mps_conn_limit_send_buffer(p->end[CLIENT].conn, 4096, 1, p->now);
    p->end[CLIENT].to_send = 300000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 60 * MPS_SEC);
    assert_true(pair_complete(p));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        T(slow_paths),
        T(fast_paths),
        T(peer_does_not_read),
        T(waits_for_slow_path),
        T(as_the_program_asks),
        T(unsent),
        T(arrives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
