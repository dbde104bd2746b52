/* SPDX-License-Identifier: MIT */
/*
 * Whole lives of a connection, each with every allocation failing in turn, then with all of them
 * failing from that one on for a while, and with every cryptographic call failing in turn. However
 * it goes: both ends end, nothing is read that was not written, no end looks orderly that is not
 * (I5), and nothing is leaked.
 */
#include <stdlib.h>
#include "core/base/constants.h"
#include "core/sched/sched.h"
#include "pair.h"

#define TIME (400 * MPS_SEC)

/* What fails in a run, and when. */
enum kind { ONE_ALLOCATION, ALLOCATIONS, LONG_LACK, CRYPTO, N_KINDS };

static const char *const kinds[N_KINDS] = {"an allocation", "allocations for a while",
                                           "allocations for long", "a cryptographic call"};

struct scenario {
    const char *name;
    void (*set_up)(struct pair *p); /* before the client begins; NULL: defaults */
    void (*play)(struct pair *p);
    bool unread; /* a program ends without reading all */
};

/* ---- parts of scenarios: a failure may have taken any end or subflow away ---- */

static bool is_open(const struct pair *p, int side)
{
    return p->end[side].conn && !p->end[side].closed && !p->end[side].plain;
}

static void add_address(struct pair *p, int side, unsigned net, unsigned host, uint16_t port)
{
    struct mps_addr a = pair_addr(net, host, port);

    if (p->end[side].conn)
        (void)mps_conn_local_add(p->end[side].conn, &a, net, false, port > 0, p->now);
}

static void remove_address(struct pair *p, int side, unsigned net, unsigned host)
{
    struct mps_addr a = pair_addr(net, host, 0);

    if (p->end[side].conn)
        (void)mps_conn_local_remove(p->end[side].conn, &a, p->now);
}

/* Some steps, so that bytes are under way; joins come up in no time here. */
static void some_steps(struct pair *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        pair_step(p);
}

static void two_paths(struct pair *p, uint64_t up, uint64_t down)
{
    add_address(p, CLIENT, 1, 1, 0);
    add_address(p, CLIENT, 2, 1, 0);
    p->end[CLIENT].to_send = up;
    p->end[SERVER].to_send = down;
    some_steps(p, 8);
}

static void both_end(struct pair *p)
{
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, TIME);
}

/* ---- scenarios ---- */

static void duplex(struct pair *p)
{
    two_paths(p, 100000, 60000);
    add_address(p, SERVER, 3, 2, 80);
    both_end(p);
}

static void joins_are_refused(struct pair *p)
{
    p->refuse_joins = true;
    two_paths(p, 30000, 30000);
    both_end(p);
}

static void path_breaks(struct pair *p)
{
    two_paths(p, 100000, 60000);
    if (p->n_links > 1)
        pair_break(p, &p->links[p->n_links - 1]);
    some_steps(p, 4);
    pair_break(p, &p->links[0]);
    both_end(p);
}

static void path_goes_silent(struct pair *p)
{
    two_paths(p, 60000, 30000);
    p->links[0].cut = true;
    both_end(p);
}

/* Break before make: for a while there is no subflow at all. */
static void all_paths_break(struct pair *p)
{
    two_paths(p, 60000, 30000);
    p->silent_joins = true;
    for (unsigned i = 0; i < p->n_links; i++)
        pair_break(p, &p->links[i]);
    pair_run(p, 5 * MPS_SEC);
    p->silent_joins = false;
    both_end(p);
}

static void addresses_change(struct pair *p)
{
    two_paths(p, 60000, 30000);
    add_address(p, SERVER, 4, 2, 80);
    some_steps(p, 3);
    remove_address(p, CLIENT, 1, 1);
    remove_address(p, SERVER, 4, 2);
    some_steps(p, 3);
    add_address(p, CLIENT, 5, 1, 0);
    both_end(p);
}

static void settings_change(struct pair *p)
{
    struct mps_addr a = pair_addr(2, 1, 0);

    two_paths(p, 60000, 30000);
    for (int side = 0; side < 2; side++) {
        if (!p->end[side].conn)
            continue;
        (void)mps_conn_set_scheduler(p->end[side].conn, mps_sched_find("redundant"), p->now);
        mps_conn_mac_all(p->end[side].conn);
    }
    (void)mps_conn_local_set_weight(p->end[CLIENT].conn, &a, 3, p->now);
    if (p->links[0].sf[CLIENT])
        (void)mps_conn_set_backup(p->end[CLIENT].conn, p->links[0].sf[CLIENT], true, p->now);
    both_end(p);
}

static void urgent_byte(struct pair *p)
{
    p->end[CLIENT].urgent_end = 20000;
    two_paths(p, 40000, 1000);
    both_end(p);
}

/* One direction ends long before the other. */
static void half_closed(struct pair *p)
{
    two_paths(p, 20000, 0);
    p->end[CLIENT].fin = true;
    pair_run(p, MPS_SEC);
    p->end[SERVER].to_send = 60000;
    both_end(p);
}

static void client_aborts(struct pair *p)
{
    two_paths(p, 100000, 60000);
    if (p->end[CLIENT].conn)
        mps_conn_abort(p->end[CLIENT].conn, p->now);
    p->end[CLIENT].stopped = true;
    p->end[CLIENT].to_send = p->end[CLIENT].sent;
    pair_run(p, TIME);
}

static void closed_unread(struct pair *p)
{
    p->end[SERVER].stopped = true;
    two_paths(p, 60000, 1000);
    if (p->end[SERVER].conn)
        mps_conn_app_close(p->end[SERVER].conn, p->now);
    p->end[SERVER].fin_sent = true; /* a close is an end, too */
    p->end[SERVER].to_send = p->end[SERVER].sent;
    p->end[CLIENT].fin = true;
    pair_run(p, TIME);
}

static void flip(struct pair_link *l, int from, uint8_t *bytes, size_t n)
{
    if (l->carried[from] > 20000 && n > 2000) {
        bytes[n / 2] ^= 0x40;
        l->tamper = NULL;
    }
}

static void check_payloads(struct pair *p)
{
    p->cfg[CLIENT].capabilities |= MPS_CAP_PAYLOAD_MAC;
    p->cfg[SERVER].capabilities |= MPS_CAP_PAYLOAD_MAC;
}

/* A box changes a byte of one path. */
static void damaged(struct pair *p)
{
    two_paths(p, 100000, 60000);
    p->links[0].tamper = flip;
    both_end(p);
}

static void early_data(struct pair *p)
{
    p->cfg[CLIENT].zero_rtt = true;
}

/* Nobody answers HELLO: what the program wrote comes out again, as the engine takes it over. */
static void unanswered(struct pair *p)
{
    struct mps_span s[4];
    uint64_t at = 0;
    unsigned n;

    p->links[0].cut = true;
    p->end[CLIENT].to_send = 5000;
    p->end[CLIENT].fin = true;
    pair_run(p, TIME);
    if (!p->end[CLIENT].plain)
        return;
    while ((n = mps_conn_plain_spans(p->end[CLIENT].conn, at, s, 4)) > 0) {
        for (unsigned i = 0; i < n; i++) {
            for (size_t k = 0; k < s[i].n; k++)
                assert_int_equal(s[i].p[k], pair_byte(CLIENT, at + k));
            at += s[i].n;
        }
    }
    assert_int_equal(at, p->end[CLIENT].sent);
}

static const struct scenario scenarios[] = {
    {"both ways over two paths", NULL, duplex, false},
    {"joins are refused", NULL, joins_are_refused, false},
    {"a path breaks, then the first", NULL, path_breaks, false},
    {"a path goes silent", NULL, path_goes_silent, false},
    {"all paths break", NULL, all_paths_break, false},
    {"addresses change", NULL, addresses_change, false},
    {"settings change", NULL, settings_change, false},
    {"an urgent byte", NULL, urgent_byte, false},
    {"half closed", NULL, half_closed, false},
    {"the client aborts", NULL, client_aborts, true},
    {"closed without reading", NULL, closed_unread, true},
    {"a payload is damaged", check_payloads, damaged, false},
    {"early data", early_data, duplex, false},
    {"nobody answers", NULL, unanswered, false},
    {"nobody answers early data", early_data, unanswered, false},
};

/* ---- what must hold in the end ---- */

static void check_end(const struct pair *p, const struct scenario *sc, enum kind kind,
                      unsigned long n)
{
    for (int side = 0; side < 2; side++) {
        const struct pair_end *e = &p->end[side], *other = &p->end[!side];
        const char *wrong = NULL;

        if (is_open(p, side))
            wrong = "hangs";
        else if (e->eof && (e->received != other->sent || !other->fin_sent))
            wrong = "has read an end that was none";
        else if (e->closed && !e->reset && !sc->unread && e->received != other->to_send)
            wrong = "ends short";
        if (wrong)
            fail_msg("%s, %s (%lu): side %d %s", sc->name, kinds[kind], n, side, wrong);
    }
}

/* Memory is back after so long, 0: only one allocation fails. */
static mps_time_t lack_of(enum kind kind)
{
    return kind == ALLOCATIONS ? MPS_LACK_WAIT / 2 : kind == LONG_LACK ? 3 * MPS_LACK_WAIT : 0;
}

/* Returns whether there was an n-th call. */
static bool run(const struct scenario *sc, enum kind kind, unsigned long n, bool *ret_whole)
{
    struct pair *p = malloc(sizeof(*p));
    bool happened;

    pair_init(p);
    p->chunk = 8000;
    if (sc->set_up)
        sc->set_up(p);
    if (kind == CRYPTO)
        p->crypto.fail = (unsigned)n;
    else
        faultmem_arm(&p->fm, n);
    p->lack = lack_of(kind);
    p->patient = p->lack > 0;
    p->fm.fail_after = p->lack > 0;
    if (pair_start(p) == 0) {
        sc->play(p);
        check_end(p, sc, kind, n);
    }
    *ret_whole = pair_complete(p);
    happened =
        kind == CRYPTO ? p->crypto.fail == 0 : p->lack_end > 0 || (n > 0 && p->fm.allocs >= n);
    pair_free(p);
    free(p);
    return happened;
}

static void sweep(const struct scenario *sc, enum kind kind)
{
    bool whole, intact;
    unsigned long n = 1;

    run(sc, ONE_ALLOCATION, 0, &intact);
    while (run(sc, kind, n, &whole)) {
        n++;
        assert_true(n < 20000);
    }
    assert_int_equal(whole, intact); /* the last run was without a failure */
    if (getenv("MPS_TEST_VERBOSE"))
        print_message("%s, %s: %lu\n", sc->name, kinds[kind], n - 1);
}

static void every_scenario(enum kind kind)
{
    for (unsigned i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
        sweep(&scenarios[i], kind);
}

static void one_allocation(void **state)
{
    every_scenario(ONE_ALLOCATION);
}

static void allocations_for_a_while(void **state)
{
    every_scenario(ALLOCATIONS);
}

static void allocations_for_long(void **state)
{
    every_scenario(LONG_LACK);
}

static void one_cryptographic_call(void **state)
{
    every_scenario(CRYPTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_allocation),
        cmocka_unit_test(allocations_for_a_while),
        cmocka_unit_test(allocations_for_long),
        cmocka_unit_test(one_cryptographic_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
