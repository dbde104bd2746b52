/* SPDX-License-Identifier: MIT */
/*
 * Every allocation fails in turn, and every cryptographic call: the outcome is a whole transfer or
 * a clean end, on both sides, without leak.
 */
#include "pair.h"

/* Returns false if nothing could be started at all. */
static bool scenario(struct pair *p)
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
    pair_run(p, 400 * MPS_SEC);
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

static void run(unsigned long fail_at, bool after, bool crypto, bool *ret_done, unsigned *ret_whole)
{
    struct pair *p = malloc(sizeof(*p));

    pair_init(p);
    p->chunk = 8000;
    if (crypto) {
        p->crypto.fail = (unsigned)fail_at;
    } else {
        faultmem_arm(&p->fm, fail_at);
        p->fm.fail_after = after;
    }
    if (scenario(p))
        check_end(p, fail_at);
    *ret_whole += pair_complete(p);
    *ret_done = crypto ? p->crypto.fail > 0 : !faultmem_failed(&p->fm);
    pair_free(p);
    free(p);
}

static void sweep(bool after, bool crypto)
{
    unsigned whole = 0, n = 0;
    bool done = false;

    while (!done) {
        run(++n, after, crypto, &done, &whole);
        assert_true(n < 5000);
    }
    assert_true(n > 10);
    assert_true(whole > 0);
}

static void each_allocation(void **state)
{
    (void)state;
    sweep(false, false);
}

static void all_from_some_on(void **state)
{
    (void)state;
    sweep(true, false);
}

static void each_crypto_call(void **state)
{
    (void)state;
    sweep(false, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation),
        cmocka_unit_test(all_from_some_on),
        cmocka_unit_test(each_crypto_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
