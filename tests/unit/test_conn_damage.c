/* SPDX-License-Identifier: MIT */
/* Boxes that change bytes: no wrong byte reaches an application (pair.c compares each), whatever is
 * left of the paths. */
#include "pair.h"
#include "core/base/constants.h"
#include "core/receive/damage.h"

static unsigned n_changed, left_to_change;

/* A byte in the middle of a large piece; the rest of the frame is as it was. */
static void change(struct pair_link *l, int from, uint8_t *p, size_t n)
{
    if (from != CLIENT || n < 10000 || left_to_change == 0)
        return;
    p[n / 2] ^= 0x10;
    n_changed++;
    left_to_change--;
}

/* The same place of the stream each time: the first payload that comes. */
static void change_first(struct pair_link *l, int from, uint8_t *p, size_t n)
{
    if (from != CLIENT || n < 1000)
        return;
    p[MPS_DSS_HEAD_LEN + 100] ^= 0x10;
    n_changed++;
}

static void lengthen_first(struct pair_link *l, int from, uint8_t *p, size_t n)
{
    if (from != CLIENT || n < 1000)
        return;
    memmove(p + 106, p + 100, n - 106);
    n_changed++;
}

/* Six bytes more, and what is behind them moves. */
static void lengthen(struct pair_link *l, int from, uint8_t *p, size_t n)
{
    if (from != CLIENT || n < 10000 || left_to_change == 0)
        return;
    memmove(p + n / 2 + 6, p + n / 2, n - n / 2 - 6);
    memcpy(p + n / 2, "192,0,", 6);
    n_changed++;
    left_to_change--;
}

static void start(struct pair *p, bool client_asks, bool server_asks)
{
    n_changed = 0;
    left_to_change = 1000000;
    p->cfg[CLIENT].capabilities = client_asks ? MPS_CAP_PAYLOAD_MAC : 0;
    p->cfg[SERVER].capabilities = server_asks ? MPS_CAP_PAYLOAD_MAC : 0;
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
}

static void send(struct pair *p)
{
    p->end[CLIENT].to_send = 3000000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
}

static void start_with_join(struct pair *p)
{
    pair_add_local(p, 2);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, 2);
}

/* All links lead through the box. */
static void run_through(struct pair *p, void (*box)(struct pair_link *, int, uint8_t *, size_t))
{
    for (unsigned i = 0; i < p->n_links; i++)
        p->links[i].tamper = box;
    p->tamper = box;
    pair_run(p, 30 * MPS_SEC);
}

/* A path that changes bytes is left, and stays left: no join until its time is over. */
static void expect_left(struct pair *p)
{
    struct mps_conn_info info;
    unsigned opened;

    p->end[CLIENT].to_send = 3000000;
    while (n_changed == 0 || p->end[CLIENT].n_rewritten == 0)
        assert_true(pair_step(p));
    opened = p->end[CLIENT].n_open;
    pair_run(p, 60 * MPS_SEC);
    assert_int_equal(p->end[SERVER].received, 3000000);
    mps_conn_info(p->end[CLIENT].conn, &info);
    assert_true(info.bytes_reinjected > 0);
    assert_int_equal(info.n_subflows, 1);
    assert_int_equal(p->end[CLIENT].n_open, opened);
    left_to_change = 0;
    p->cfg[CLIENT].keepalive = 0;
    pair_run(p, 600 * MPS_SEC);
    assert_true(p->end[CLIENT].n_open > opened);
}

static void client_asks(void **state)
{
    struct pair *p = *state;

    start(p, true, false);
    start_with_join(p);
    p->links[1].tamper = change;
    expect_left(p);
}

static void server_asks(void **state)
{
    struct pair *p = *state;

    start(p, false, true);
    start_with_join(p);
    p->links[1].tamper = change;
    expect_left(p);
}

/* The sender decides by itself where paths are long (pair.c: 10 ms). */
static void nobody_asks(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].mac_far = true;
    start(p, false, false);
    start_with_join(p);
    p->links[1].tamper = change;
    expect_left(p);
}

static bool unchecked;

/* What begins at a head. Nothing is taken in pieces here. */
static void look(struct pair_link *l, int from, uint8_t *p, size_t n)
{
    if (from == CLIENT && n > MPS_DSS_HEAD_LEN && p[0] == MPS_FRAME_DSS)
        unchecked |= p[2] != 0 || p[3] > MPS_DSS_FIXED_LEN;
}

static void near_is_not_checked(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].mac_far = true;
    start(p, false, false);
    p->links[0].min_rtt_us = MPS_FAR_RTT_US;
    p->links[0].tamper = look;
    send(p);
    unchecked = false;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
    assert_true(unchecked);
}

/* Early data is checked as what follows. */
static void early_data(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].zero_rtt = true;
    start(p, true, false);
    p->links[0].tamper = look;
    send(p);
    unchecked = false;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
    assert_false(unchecked);
}

/* Without MACs the frames that do not begin where they should betray the box, and from then
 * on payloads are checked. */
static void length_changes(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].mac_far = true;
    start(p, false, false);
    start_with_join(p);
    p->links[1].tamper = lengthen;
    expect_left(p);
}

/* The reset of the subflow comes before the word of why. */
static void told_late(void **state)
{
    struct pair *p = *state;
    unsigned opened;

    start(p, true, true);
    start_with_join(p);
    p->links[1].tamper = change;
    p->links[0].cut = true;
    send(p);
    pair_run(p, 100 * MPS_MSEC);
    assert_true(n_changed > 0);
    assert_null(p->links[1].sf[CLIENT]);
    opened = p->end[CLIENT].n_open;
    p->links[0].cut = false;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
    assert_int_equal(p->end[CLIENT].n_open, opened);
    assert_int_equal(p->end[CLIENT].n_rewritten, 1);
}

/* Damage by chance does not come back. */
static void once_on_the_only_path(void **state)
{
    struct pair *p = *state;

    start(p, true, true);
    left_to_change = 2;
    send(p);
    run_through(p, change);
    assert_true(pair_complete(p));
    assert_int_equal(n_changed, 2);
}

static void always_on_the_only_path(void **state)
{
    struct pair *p = *state;

    start(p, true, true);
    send(p);
    run_through(p, change_first);
    assert_true(p->end[CLIENT].reset);
    assert_int_equal(p->end[CLIENT].reason, MPS_REASON_MIDDLEBOX);
    assert_in_range(n_changed, MPS_DAMAGE_TRIES, 3 * MPS_DAMAGE_TRIES);
    pair_run(p, MPS_DAMAGE_PATIENCE);
    assert_true(p->end[SERVER].reset);
}

static void length_on_the_only_path(void **state)
{
    struct pair *p = *state;

    start(p, true, true);
    send(p);
    run_through(p, lengthen_first);
    assert_true(p->end[CLIENT].reset);
    assert_int_equal(p->end[CLIENT].reason, MPS_REASON_MIDDLEBOX);
}

/* With another one, even if it is down, there is hope. */
static void only_for_now(void **state)
{
    struct pair *p = *state;

    start(p, true, true);
    start_with_join(p);
    send(p);
    pair_break(p, &p->links[0]);
    pair_break(p, &p->links[1]);
    run_through(p, change_first);
    assert_false(p->end[CLIENT].reset);
    assert_true(n_changed > MPS_DAMAGE_TRIES);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        T(client_asks),
        T(server_asks),
        T(nobody_asks),
        T(near_is_not_checked),
        T(early_data),
        T(length_changes),
        T(told_late),
        T(once_on_the_only_path),
        T(always_on_the_only_path),
        T(length_on_the_only_path),
        T(only_for_now),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
