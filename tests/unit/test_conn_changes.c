/* SPDX-License-Identifier: MIT */
/* Changes of a connection that runs: backup flags, weights, schedulers. */
#include "core/conn/state.h"
#include "core/fair/fairness.h"
#include "core/sched/sched.h"
#include "pair.h"

static struct mps_addr local_of(const struct mps_subflow_info *info)
{
    struct mps_addr a = info->local;

    a.port = 0;
    return a;
}

/* Client addresses in networks 1 and 2 with these flags, known before anything is established. */
static void start(struct pair *p, bool first_backup, bool second_backup)
{
    struct mps_addr a = pair_addr(1, 1, 0), b = pair_addr(2, 1, 0);

    assert_int_equal(pair_start(p), 0);
    assert_int_equal(mps_conn_local_add(p->end[CLIENT].conn, &a, 1, first_backup, false, 0), 0);
    assert_int_equal(mps_conn_local_add(p->end[CLIENT].conn, &b, 2, second_backup, false, 0), 0);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, 2);
}

static void send_some(struct pair *p, uint64_t n)
{
    uint64_t until = p->end[SERVER].received + n;

    p->end[CLIENT].to_send += n;
    p->end[SERVER].to_send += n;
    while (p->end[SERVER].received < until)
        assert_true(pair_step(p));
    pair_settle(p);
}

static void finish(struct pair *p)
{
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
}

static void expect_backup(struct pair *p, int side, bool first, bool second)
{
    struct mps_subflow_info info[4];

    assert_int_equal(mps_conn_subflow_info(p->end[side].conn, info, 4), 2);
    assert_int_equal(info[0].backup, first);
    assert_int_equal(info[1].backup, second);
}

static void first_address_is_backup(void **state)
{
    struct pair *p = *state;
    uint64_t before;

    start(p, true, false);
    assert_int_equal(p->end[SERVER].n_priority, 1);
    expect_backup(p, CLIENT, true, false);
    expect_backup(p, SERVER, true, false);
    before = p->links[0].carried[CLIENT] + p->links[0].carried[SERVER];
    send_some(p, 1000000);
    assert_true(p->links[0].carried[CLIENT] + p->links[0].carried[SERVER] < before + 20000);
    finish(p);
}

static void join_from_backup_address(void **state)
{
    struct pair *p = *state;

    start(p, false, true);
    /* JOIN has told it. */
    assert_int_equal(p->end[SERVER].n_priority, 0);
    expect_backup(p, SERVER, false, true);
    finish(p);
}

/* The accepting side's address is backup: JOIN_REPLY tells it. */
static void join_to_backup_address(void **state)
{
    struct pair *p = *state;
    struct mps_subflow_info info[4];
    struct mps_addr a, second;

    start(p, false, false);
    assert_int_equal(mps_conn_subflow_info(p->end[SERVER].conn, info, 4), 2);
    a = local_of(&info[0]);
    assert_int_equal(mps_conn_local_add(p->end[SERVER].conn, &a, 1, true, false, p->now), 0);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_priority, 2);
    expect_backup(p, CLIENT, true, true);
    second = pair_addr(3, 1, 0);
    assert_int_equal(mps_conn_local_add(p->end[CLIENT].conn, &second, 3, false, false, p->now), 0);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_priority, 2);
    assert_int_equal(mps_conn_subflow_info(p->end[CLIENT].conn, info, 4), 3);
    assert_true(info[2].backup);
    finish(p);
}

static void there_and_back(void **state)
{
    struct pair *p = *state;
    struct mps_addr b = pair_addr(2, 1, 0);
    uint64_t before, n = 1000000;

    start(p, false, false);
    assert_int_equal(mps_conn_local_add(p->end[CLIENT].conn, &b, 2, true, false, p->now), 0);
    pair_settle(p);
    before = p->links[1].carried[CLIENT] + p->links[1].carried[SERVER];
    send_some(p, n);
    assert_true(p->links[1].carried[CLIENT] + p->links[1].carried[SERVER] < before + 20000);
    assert_int_equal(mps_conn_local_add(p->end[CLIENT].conn, &b, 2, false, false, p->now), 0);
    pair_settle(p);
    before = p->links[1].carried[CLIENT] + p->links[1].carried[SERVER];
    send_some(p, 10 * n);
    assert_true(p->links[1].carried[CLIENT] + p->links[1].carried[SERVER] > before + n);
    finish(p);
}

static void weights(void **state)
{
    struct pair *p = *state;
    struct mps_addr a = pair_addr(1, 1, 0), b = pair_addr(2, 1, 0), c = pair_addr(9, 1, 0);
    struct mps_conn *conn;
    uint64_t first, second;

    p->cfg[CLIENT].sched = &mps_sched_roundrobin;
    start(p, false, false);
    conn = p->end[CLIENT].conn;
    assert_int_equal(mps_conn_local_set_weight(conn, &c, 2, p->now), MPS_EADDR);
    assert_int_equal(mps_conn_local_set_weight(conn, &a, 0, p->now), MPS_EINVAL);
    assert_int_equal(mps_conn_local_set_weight(conn, &a, MPS_WEIGHT_MAX + 1, p->now), MPS_EINVAL);
    assert_int_equal(mps_conn_local_set_weight(conn, &a, 1, p->now), 0);
    assert_int_equal(mps_conn_local_set_weight(conn, &b, 3, p->now), 0);
    first = p->links[0].carried[CLIENT];
    second = p->links[1].carried[CLIENT];
    /* Little at a time: paths that are full take what they can, whatever their weight. */
    for (unsigned i = 0; i < 400; i++)
        send_some(p, 8000);
    first = p->links[0].carried[CLIENT] - first;
    second = p->links[1].carried[CLIENT] - second;
    assert_in_range(second, first * 2, first * 4);
    finish(p);
}

/* In mid-transfer to each scheduler in turn, and a failure of memory leaves the old one. */
/* No timer of what the new scheduler does not use goes off for ever. */
static void timers_end_with_the_scheduler(void **state)
{
    struct pair *p = *state;
    struct mps_conn *conn;

    start(p, false, false);
    conn = p->end[CLIENT].conn;
    send_some(p, 300000);
    assert_non_null(conn->tx.couple);
    conn->tx.couple->sbd.at = p->now + MPS_MSEC; /* an experiment runs */
    assert_int_equal(mps_fairness_deadline(conn), p->now + MPS_MSEC);
    assert_int_equal(mps_conn_set_scheduler(conn, &mps_sched_redundant, p->now), 0);
    pair_settle(p);
    p->now += MPS_SEC;
    mps_conn_expire(conn, p->now);
    pair_settle(p);
    assert_true(mps_conn_deadline(conn) > p->now);
    finish(p);
}

static void schedulers(void **state)
{
    struct pair *p = *state;
    const struct mps_sched_ops *ops;
    struct mps_conn *conn;
    struct mps_conn_info info;

    start(p, false, false);
    conn = p->end[CLIENT].conn;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; (ops = mps_sched_at(i)); i++) {
            assert_int_equal(mps_conn_set_scheduler(conn, ops, p->now), 0);
            mps_conn_info(conn, &info);
            assert_string_equal(info.sched, ops->name);
            send_some(p, 300000);
        }
    }
    assert_int_equal(mps_conn_set_scheduler(conn, &mps_sched_minrtt, p->now), 0);
    faultmem_arm(&p->fm, 1);
    assert_int_equal(mps_conn_set_scheduler(conn, &mps_sched_ecf, p->now), MPS_ENOMEM);
    assert_true(faultmem_failed(&p->fm));
    mps_conn_info(conn, &info);
    assert_string_equal(info.sched, "minrtt");
    finish(p);
}

static int never(void *user, const struct mps_sched_input *in)
{
    return MPS_SCHED_NONE;
}

/* What waits under one scheduler goes on under the next without another event. */
static void waiting_data_goes_on(void **state)
{
    static const struct mps_sched_ops none = {.name = "none", .pick = never};
    struct pair *p = *state;

    p->cfg[CLIENT].sched = &none;
    start(p, false, false);
    p->end[CLIENT].to_send = 100000;
    for (unsigned i = 0; i < 50; i++)
        pair_step(p);
    assert_int_equal(p->end[SERVER].received, 0);
    assert_int_equal(mps_conn_set_scheduler(p->end[CLIENT].conn, &mps_sched_roundrobin, p->now), 0);
    assert_true(mps_conn_deadline(p->end[CLIENT].conn) <= p->now);
    mps_conn_expire(p->end[CLIENT].conn, p->now);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].received, 100000);
    finish(p);
}

#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

static uint64_t moved(const struct pair *p, unsigned link, int from)
{
    return p->links[link].carried[from];
}

/* The path that the connection began with breaks, another one carries, and it carries again. */
static void back_to_the_first(void **state)
{
    struct pair *p = *state;
    const struct mps_addr first = pair_addr(1, 1, 0);
    uint64_t before[2];

    start(p, false, false);
    for (int side = CLIENT; side <= SERVER; side++)
        assert_int_equal(mps_conn_set_scheduler(p->end[side].conn, &mps_sched_backup, p->now), 0);
    send_some(p, 100000);
    assert_true(moved(p, 0, CLIENT) > 100000 && moved(p, 1, CLIENT) < 10000);
    pair_break(p, &p->links[0]);
    pair_settle(p);
    send_some(p, 100000);
    assert_true(moved(p, 1, CLIENT) > 100000 && moved(p, 1, SERVER) > 100000);
    pair_run(p, 10 * MPS_SEC);
    assert_int_equal(p->n_links, 3);
    assert_true(mps_addr_same_ip(&p->links[2].local, &first));
    before[CLIENT] = moved(p, 2, CLIENT);
    before[SERVER] = moved(p, 2, SERVER);
    send_some(p, 100000);
    assert_true(moved(p, 2, CLIENT) - before[CLIENT] > 100000);
    assert_true(moved(p, 2, SERVER) - before[SERVER] > 100000);
    finish(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(back_to_the_first),
        T(first_address_is_backup),
        T(join_from_backup_address),
        T(join_to_backup_address),
        T(there_and_back),
        T(weights),
        T(schedulers),
        T(timers_end_with_the_scheduler),
        T(waiting_data_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
