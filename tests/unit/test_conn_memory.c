/* SPDX-License-Identifier: MIT */
/*
 * Every allocation fails in turn, and every cryptographic call: the outcome is a whole transfer or
 * a clean end, on both sides, without leak. What is established waits for memory and loses nothing.
 */
#include "core/conn/state.h"
#include "core/subflow/tx.h"
#include "pair.h"

#define TIME (400 * MPS_SEC)

/*
 * Memory comes back `later`, 0: as the test says. Returns false if nothing could be started at all.
 */
static bool scenario(struct pair *p, mps_time_t later)
{
    struct mps_addr a = pair_addr(1, 1, 0), b = pair_addr(2, 1, 0), c = pair_addr(3, 2, 80);

    if (pair_start(p) < 0)
        return false;
    (void)mps_conn_local_add(p->end[CLIENT].conn, &a, 1, false, false, p->now);
    (void)mps_conn_local_add(p->end[CLIENT].conn, &b, 2, false, false, p->now);
    p->end[CLIENT].to_send = 300000;
    p->end[SERVER].to_send = 100000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    for (unsigned i = 0; i < 4; i++)
        pair_step(p);
    if (p->end[SERVER].conn)
        (void)mps_conn_local_add(p->end[SERVER].conn, &c, 3, false, true, p->now);
    if (later > 0) {
        pair_run(p, later);
        p->fm.fail_at = 0;
    }
    pair_run(p, TIME);
    return true;
}

static void check_end(const struct pair *p, unsigned long n)
{
    for (int side = 0; side < 2; side++) {
        const struct pair_end *e = &p->end[side];

        /* Complete, reset, plain (the client comes back without us), or never begun. */
        if (e->conn && !e->closed && !e->plain)
            fail_msg("failure %lu: side %d hangs", n, side);
        if (e->closed && !e->reset && e->no_memory <= 100 && e->received != p->end[!side].to_send)
            fail_msg("failure %lu: side %d ends short", n, side);
    }
}

static void run(unsigned long fail_at, mps_time_t later, bool crypto, bool *ret_done,
                unsigned *ret_whole)
{
    struct pair *p = malloc(sizeof(*p));

    pair_init(p);
    p->chunk = 8000;
    if (crypto) {
        p->crypto.fail = (unsigned)fail_at;
    } else {
        faultmem_arm(&p->fm, fail_at);
        p->fm.fail_after = later > 0;
    }
    if (scenario(p, later))
        check_end(p, fail_at);
    *ret_whole += pair_complete(p);
    *ret_done = crypto ? p->crypto.fail > 0 : p->fm.allocs < fail_at;
    pair_free(p);
    free(p);
}

static void sweep(mps_time_t later, bool crypto)
{
    unsigned whole = 0, n = 0;
    bool done = false;

    while (!done) {
        run(++n, later, crypto, &done, &whole);
        assert_true(n < 5000);
    }
    assert_true(n > 10);
    assert_true(whole > 0);
}

static void each_allocation(void **state)
{
    (void)state;
    sweep(0, false);
}

/* All fail for a while: shorter, and longer, than a payload waits for memory. */
static void all_from_some_on(void **state)
{
    (void)state;
    sweep(MPS_LACK_WAIT / 2, false);
    sweep(4 * MPS_LACK_WAIT, false);
}

/* An established pair; both streams are under way, in small frames. */
static void established(struct pair *p, unsigned subflows, bool stopped)
{
    pair_init(p);
    p->chunk = 8000;
    p->patient = true;
    assert_int_equal(pair_start(p), 0);
    for (unsigned i = 1; i <= subflows; i++)
        pair_add_local(p, i);
    pair_run(p, MPS_SEC);
    assert_int_equal(p->end[SERVER].n_up, subflows);
    for (unsigned i = 0; i < p->n_links; i++)
        p->links[i].rate = 2000000;
    pair_step(p);
    p->end[CLIENT].to_send = 300000;
    p->end[SERVER].to_send = 100000;
    p->end[SERVER].stopped = stopped;
}

static void finish(struct pair *p, unsigned long n)
{
    p->end[SERVER].stopped = false;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, TIME);
    if (!pair_complete(p) || p->end[CLIENT].reset || p->end[SERVER].reset)
        fail_msg("failure %lu: not everything arrived", n);
    pair_free(p);
}

static bool lost_a_subflow(const struct pair *p)
{
    return p->end[CLIENT].n_sf_close + p->end[SERVER].n_sf_close > 0;
}

/*
 * Once a connection is established, lack of memory ends no subflow, whichever allocations fail and
 * for whatever time; everything arrives once there is some again.
 */
static void lack_ends_no_subflow(void **state)
{
    static const mps_time_t times[] = {25 * MPS_MSEC, MPS_LACK_WAIT / 2, 3 * MPS_LACK_WAIT / 2};
    unsigned n_failed = 0;
    bool failed = true;

    for (unsigned long n = 1; failed; n++) {
        for (unsigned k = 0; k < 6; k++) {
            struct pair *p = malloc(sizeof(*p));

            established(p, 2, k >= 3);
            faultmem_arm(&p->fm, n);
            p->fm.fail_after = true;
            pair_run(p, times[k % 3]);
            failed = p->fm.allocs >= n;
            n_failed += failed;
            if (failed && lost_a_subflow(p))
                fail_msg("failure %lu, case %u: a subflow was lost", n, k);
            p->fm.fail_at = 0;
            finish(p, n);
            free(p);
        }
    }
    assert_true(n_failed > 100);
}

/* No memory for payloads from here on, but for control; what is being received has its place. */
static void no_payloads(struct pair *p)
{
    p->fm.fail_size = 1000;
    p->fm.fail_after = true;
    faultmem_arm(&p->fm, 1);
}

/* Without any memory to receive into, what the application waits for comes all the same. */
static void next_byte_needs_no_memory(void **state)
{
    struct pair *p = malloc(sizeof(*p));

    established(p, 2, false);
    p->end[CLIENT].to_send = 60000;
    p->end[SERVER].to_send = 0;
    pair_step(p);
    assert_true(p->end[SERVER].received < 10000);
    no_payloads(p);
    pair_run(p, MPS_LACK_WAIT / 2);
    assert_true(faultmem_failed(&p->fm));
    assert_int_equal(p->end[SERVER].received, 60000);
    assert_false(lost_a_subflow(p));
    p->fm.fail_at = 0;
    finish(p, 0);
    free(p);
}

/* What is written is sent without any more memory: its acknowledgment may be what frees some. */
static void sending_needs_no_memory(void **state)
{
    struct pair *p = malloc(sizeof(*p));

    established(p, 1, false);
    p->end[CLIENT].to_send = 60000;
    p->end[SERVER].to_send = 0;
    pair_step(p);
    assert_true(p->end[SERVER].received < 10000);
    p->fm.fail_after = true;
    faultmem_arm(&p->fm, 1);
    pair_run(p, MPS_LACK_WAIT / 2);
    assert_int_equal(p->end[SERVER].received, 60000);
    p->fm.fail_at = 0;
    finish(p, 0);
    free(p);
}

/*
 * An application that does not read lets data wait for memory, but not what acknowledges its own.
 */
static void acknowledgments_pass(void **state)
{
    struct pair *p = malloc(sizeof(*p));
    struct mps_conn *server;

    established(p, 1, true);
    p->end[CLIENT].to_send = 60000;
    p->end[SERVER].to_send = 500;
    server = p->end[SERVER].conn;
    pair_step(p);
    no_payloads(p);
    pair_run(p, MPS_LACK_WAIT / 2);
    assert_int_equal(p->end[CLIENT].received, 500);
    assert_int_equal(server->tx.acked, 0);
    pair_run(p, 10 * MPS_LACK_WAIT);
    assert_int_equal(server->tx.acked, 500);
    assert_false(lost_a_subflow(p));
    p->fm.fail_at = 0;
    finish(p, 0);
    free(p);
}

/* PINGs of the client until there is no place for more; returns how many. */
static unsigned pings(struct mps_subflow *sf)
{
    struct mps_ctrl ping = {.type = MPS_FRAME_PING};
    uint8_t buf[MPS_CTRL_MAX_LEN];
    size_t len = mps_ctrl_encode(&ping, buf);
    unsigned n = 0;

    while (mps_sf_tx_ctrl(sf, buf, len))
        n++;
    return n;
}

/* Control frames that wait take memory as long as they do. Without any some of them have place. */
static void waiting_control_takes_memory(void **state)
{
    struct pair *p = malloc(sizeof(*p));
    struct mps_subflow *sf;
    size_t before;
    unsigned few;

    established(p, 1, false);
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 0;
    pair_run(p, MPS_SEC);
    sf = p->links[0].sf[CLIENT];
    before = p->fm.live_bytes;
    p->fm.fail_after = true;
    faultmem_arm(&p->fm, 1);
    few = pings(sf);
    assert_in_range(few, 2, 10);
    p->fm.fail_at = 0;
    assert_in_range(pings(sf), 30, 100);
    assert_int_equal(p->fm.live_bytes - before, MPS_SF_CTRL);
    pair_run(p, MPS_SEC);
    assert_int_equal(p->fm.live_bytes, before);
    assert_false(lost_a_subflow(p));
    finish(p, 0);
    free(p);
}

/*
 * What each end holds for an idle connection over two paths, whatever messages it carried before.
 * The engine adds some 1.5 KiB.
 */
static void idle_ends_hold_little(void **state)
{
    struct pair *p = malloc(sizeof(*p));
    size_t shared = sizeof(*p->env.rxmem); /* all connections of an engine have one */

    established(p, 2, false);
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 60000;
    pair_run(p, 10 * MPS_SEC);
    assert_int_equal(p->end[SERVER].received, 60000);
    assert_in_range(p->fm.live_bytes / 2 - shared, 4096, 6144);
    finish(p, 0);
    free(p);
}

static void each_crypto_call(void **state)
{
    (void)state;
    sweep(0, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation),           cmocka_unit_test(all_from_some_on),
        cmocka_unit_test(each_crypto_call),          cmocka_unit_test(lack_ends_no_subflow),
        cmocka_unit_test(next_byte_needs_no_memory), cmocka_unit_test(sending_needs_no_memory),
        cmocka_unit_test(acknowledgments_pass),      cmocka_unit_test(waiting_control_takes_memory),
        cmocka_unit_test(idle_ends_hold_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
