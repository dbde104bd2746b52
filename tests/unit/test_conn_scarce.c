/* SPDX-License-Identifier: MIT */
/* Where memory is scarce buffers are small, and everything arrives all the same. */
#include "core/base/constants.h"
#include "core/send/sndbuf.h"
#include "pair.h"

static bool scarcity;

static bool is_scarce(void *user)
{
    return scarcity;
}

static void begin(struct pair *p, bool from_the_start)
{
    p->fm.mem.scarce = is_scarce;
    scarcity = from_the_start;
    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
}

static void finish(struct pair *p)
{
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 60 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* What the client holds and what the server lets it send, with a server that does not read. */
static void small_buffers(void **state)
{
    struct pair *p = *state;
    struct mps_conn_info client, server;

    begin(p, true);
    p->end[SERVER].stopped = true;
    p->end[CLIENT].to_send = 8000000;
    pair_run(p, MPS_SEC);
    mps_conn_info(p->end[CLIENT].conn, &client);
    mps_conn_info(p->end[SERVER].conn, &server);
    assert_in_range(server.rcv_queued, 1, MPS_INITIAL_CREDIT_MIN);
    assert_true(p->end[CLIENT].sent <= MPS_SND_BUF_SCARCE + MPS_INITIAL_CREDIT_MIN);
    p->end[SERVER].stopped = false;
    finish(p);
}

/* Buffers that were large shrink, and grow again. */
static void and_back(void **state)
{
    struct pair *p = *state;
    struct mps_conn_info info;

    begin(p, false);
    p->end[CLIENT].to_send = 20000000;
    while (p->end[SERVER].received < 4000000)
        assert_true(pair_step(p));
    mps_conn_info(p->end[CLIENT].conn, &info);
    assert_true(info.credit_left + info.snd_queued > MPS_SND_BUF_SCARCE);
    scarcity = true;
    while (p->end[SERVER].received < 12000000)
        assert_true(pair_step(p));
    mps_conn_info(p->end[CLIENT].conn, &info);
    assert_true(info.credit_left <= MPS_INITIAL_CREDIT_MIN);
    assert_true(info.snd_queued <= MPS_SND_BUF_SCARCE);
    scarcity = false;
    finish(p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {T(small_buffers), T(and_back)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
