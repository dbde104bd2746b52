/* SPDX-License-Identifier: MIT */
/* The path managers on small networks: which pairs they open, in which order. */
#include "core/paths/pm.h"
#include "test.h"

#define MAX_ADDRS 8

struct net {
    struct mps_pm_local locals[MAX_ADDRS];
    struct mps_pm_remote remotes[MAX_ADDRS];
    struct mps_pm_input in;
    bool up[MAX_ADDRS][MAX_ADDRS], refused[MAX_ADDRS][MAX_ADDRS];
    unsigned vain[MAX_ADDRS][MAX_ADDRS];
};

static struct mps_addr v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    return (struct mps_addr){.family = MPS_AF_INET, .ip = {a, b, c, d}, .port = 80};
}

static struct mps_addr v6(uint8_t net, uint8_t host)
{
    return (struct mps_addr){
        .family = MPS_AF_INET6, .ip = {0x20, 1, 0xd, 0xb8, [7] = net, [15] = host}, .port = 80};
}

static bool may_try(const void *user, unsigned l, unsigned r)
{
    const struct net *net = user;

    return !net->up[l][r] && !net->refused[l][r];
}

static unsigned in_vain(const void *user, unsigned l, unsigned r)
{
    const struct net *net = user;

    return net->vain[l][r];
}

static void net_init(struct net *net)
{
    memset(net, 0, sizeof(*net));
    net->in = (struct mps_pm_input){
        .locals = net->locals,
        .remotes = net->remotes,
        .may_try = may_try,
        .in_vain = in_vain,
        .user = net,
        .max_subflows = 8,
    };
}

static void local(struct net *net, struct mps_addr addr, uint32_t ifindex)
{
    net->locals[net->in.n_locals++] = (struct mps_pm_local){.addr = addr, .ifindex = ifindex};
}

static void remote(struct net *net, struct mps_addr addr)
{
    net->remotes[net->in.n_remotes++] = (struct mps_pm_remote){.addr = addr};
}

/* Two hosts on the same two networks. */
static void net_two_by_two(struct net *net)
{
    net_init(net);
    local(net, v4(10, 0, 1, 1), 1);
    local(net, v4(10, 0, 2, 1), 2);
    remote(net, v4(10, 0, 1, 2));
    remote(net, v4(10, 0, 2, 2));
}

static void bring_up(struct net *net, unsigned l, unsigned r)
{
    assert_false(net->up[l][r]);
    net->up[l][r] = true;
    net->locals[l].subflows++;
    net->remotes[r].subflows++;
    net->in.n_subflows++;
}

static void take_down(struct net *net, unsigned l, unsigned r)
{
    assert_true(net->up[l][r]);
    net->up[l][r] = false;
    net->refused[l][r] = true;
    net->locals[l].subflows--;
    net->remotes[r].subflows--;
    net->in.n_subflows--;
}

/* An attempt over the pair takes longer than its back-off. */
static void fail_slowly(struct net *net, unsigned l, unsigned r)
{
    take_down(net, l, r);
    net->refused[l][r] = false;
    net->vain[l][r]++;
}

/* The next pair is (l, r); it is opened. */
static void expect(const struct mps_pm_ops *pm, struct net *net, unsigned l, unsigned r)
{
    unsigned got_l = 99, got_r = 99;

    assert_true(pm->next(&net->in, &got_l, &got_r) > 0);
    assert_int_equal(got_l, l);
    assert_int_equal(got_r, r);
    bring_up(net, l, r);
}

static void expect_none(const struct mps_pm_ops *pm, struct net *net)
{
    unsigned l = 99, r = 99;

    assert_int_equal(pm->next(&net->in, &l, &r), 0);
    assert_int_equal(l, 99);
    assert_int_equal(r, 99);
}

static void test_find(void **user)
{
    assert_ptr_equal(mps_pm_at(0), &mps_pm_pairs);
    for (unsigned i = 0; mps_pm_at(i); i++)
        assert_ptr_equal(mps_pm_find(mps_pm_at(i)->name), mps_pm_at(i));
    assert_ptr_equal(mps_pm_find("pairs"), &mps_pm_pairs);
    assert_ptr_equal(mps_pm_find("fullmesh"), &mps_pm_fullmesh);
    assert_null(mps_pm_find("ndiffports"));
}

/* Two separate networks: the second local address goes to its neighbour, and that is all. */
static void test_two_by_two(void **user)
{
    struct net net;

    net_two_by_two(&net);
    bring_up(&net, 0, 0);
    expect(&mps_pm_pairs, &net, 1, 1);
    expect_none(&mps_pm_pairs, &net);
}

/* A subflow that died is not replaced by one across the networks, unless nothing else is left. */
static void test_no_crossing(void **user)
{
    struct net net;

    net_two_by_two(&net);
    bring_up(&net, 0, 0);
    bring_up(&net, 1, 1);
    take_down(&net, 0, 0);
    expect_none(&mps_pm_pairs, &net);
    take_down(&net, 1, 1);
    expect(&mps_pm_pairs, &net, 0, 1);
    net.refused[1][1] = false;
    expect(&mps_pm_pairs, &net, 1, 1);
}

/* The same as the first, but the announcement comes after the first try has failed. */
static void test_announced_later(void **user)
{
    struct net net;

    net_init(&net);
    local(&net, v4(10, 0, 1, 1), 1);
    local(&net, v4(10, 0, 2, 1), 2);
    remote(&net, v4(10, 0, 1, 2));
    bring_up(&net, 0, 0);
    expect(&mps_pm_pairs, &net, 1, 0);
    take_down(&net, 1, 0);
    expect_none(&mps_pm_pairs, &net);
    remote(&net, v4(10, 0, 2, 2));
    expect(&mps_pm_pairs, &net, 1, 1);
    expect_none(&mps_pm_pairs, &net);
}

/* Routed: addresses do not look alike, so the first remote address, which is known to answer. */
static void test_two_by_two_routed(void **user)
{
    struct net net;

    net_init(&net);
    local(&net, v4(192, 168, 1, 5), 1);
    local(&net, v4(100, 64, 0, 7), 2);
    remote(&net, v4(203, 0, 113, 1));
    remote(&net, v4(198, 51, 100, 1));
    bring_up(&net, 0, 0);
    expect(&mps_pm_pairs, &net, 1, 0);
    /* Both local addresses are in use and two subflows are as many as wanted. */
    expect_none(&mps_pm_pairs, &net);
    take_down(&net, 1, 0);
    expect(&mps_pm_pairs, &net, 1, 1);
    expect_none(&mps_pm_pairs, &net);
}

static void test_two_locals_one_remote(void **user)
{
    struct net net;

    net_init(&net);
    local(&net, v4(10, 0, 1, 1), 1);
    local(&net, v4(10, 0, 2, 1), 2);
    remote(&net, v4(10, 0, 9, 9));
    bring_up(&net, 0, 0);
    expect(&mps_pm_pairs, &net, 1, 0);
    expect_none(&mps_pm_pairs, &net);
}

static void test_one_local_two_remotes(void **user)
{
    struct net net;

    net_init(&net);
    local(&net, v4(10, 0, 1, 1), 1);
    remote(&net, v4(10, 0, 1, 2));
    bring_up(&net, 0, 0);
    expect_none(&mps_pm_pairs, &net);
    remote(&net, v4(10, 0, 2, 2));
    expect(&mps_pm_pairs, &net, 0, 1);
    expect_none(&mps_pm_pairs, &net);
}

/* Addresses of one interface of the peer are one way into it. */
static void test_many_addresses_of_one_interface(void **user)
{
    struct net net;

    net_init(&net);
    local(&net, v4(10, 0, 1, 1), 1);
    for (uint8_t i = 0; i < 6; i++) {
        remote(&net, v4(10, 0, (uint8_t)(1 + i), 2));
        net.remotes[i].way = i < 4 ? 1 : 5;
    }
    bring_up(&net, 0, 0);
    expect(&mps_pm_pairs, &net, 0, 4);
    expect_none(&mps_pm_pairs, &net);
    take_down(&net, 0, 4);
    expect(&mps_pm_pairs, &net, 0, 5);
    /* Another one of them will do when the first does not. */
    take_down(&net, 0, 0);
    expect(&mps_pm_pairs, &net, 0, 1);
    expect_none(&mps_pm_pairs, &net);
    /* A way out of our own has its own neighbour there. */
    local(&net, v4(10, 0, 3, 1), 2);
    expect(&mps_pm_pairs, &net, 1, 2);
    expect_none(&mps_pm_pairs, &net);
}

static void test_three_locals_one_remote(void **user)
{
    struct net net;

    net_init(&net);
    local(&net, v4(10, 0, 1, 1), 1);
    local(&net, v4(10, 0, 1, 3), 1);
    local(&net, v4(10, 0, 3, 1), 3);
    remote(&net, v4(10, 0, 1, 2));
    bring_up(&net, 0, 0);
    /* The other interface before the other address of the same one. */
    expect(&mps_pm_pairs, &net, 2, 0);
    expect(&mps_pm_pairs, &net, 1, 0);
    expect_none(&mps_pm_pairs, &net);
}

static void test_families(void **user)
{
    struct net net;

    net_init(&net);
    local(&net, v4(10, 0, 1, 1), 1);
    local(&net, v6(1, 1), 1);
    remote(&net, v4(10, 0, 1, 2));
    bring_up(&net, 0, 0);
    expect_none(&mps_pm_pairs, &net);
    expect_none(&mps_pm_fullmesh, &net);
    remote(&net, v6(1, 2));
    /* The same way under another name: only when the first does not work. */
    expect_none(&mps_pm_pairs, &net);
    take_down(&net, 0, 0);
    expect(&mps_pm_pairs, &net, 1, 1);
    expect_none(&mps_pm_pairs, &net);
}

/* Two interfaces with both families at each end, and a temporary IPv6 address: two subflows. */
static void test_dual_stack_two_by_two(void **user)
{
    struct net net;

    net_init(&net);
    local(&net, v4(10, 0, 1, 1), 1);
    local(&net, v6(1, 1), 1);
    local(&net, v6(1, 77), 1);
    local(&net, v4(10, 0, 2, 1), 2);
    local(&net, v6(2, 1), 2);
    remote(&net, v6(1, 2));
    remote(&net, v4(10, 0, 1, 2));
    remote(&net, v4(10, 0, 2, 2));
    remote(&net, v6(2, 2));
    bring_up(&net, 1, 0);
    expect(&mps_pm_pairs, &net, 3, 2);
    expect_none(&mps_pm_pairs, &net);
}

static void test_backup_local_last(void **user)
{
    struct net net;

    net_init(&net);
    local(&net, v4(10, 0, 1, 1), 1);
    local(&net, v4(10, 0, 2, 1), 2);
    local(&net, v4(10, 0, 3, 1), 3);
    net.locals[1].backup = true;
    remote(&net, v4(10, 0, 1, 2));
    bring_up(&net, 0, 0);
    expect(&mps_pm_pairs, &net, 2, 0);
    expect(&mps_pm_pairs, &net, 1, 0);
}

/* The first subflow died: its pair, when it may be tried again, or what else there is. */
static void test_first_dies(void **user)
{
    struct net net;

    net_two_by_two(&net);
    bring_up(&net, 0, 0);
    bring_up(&net, 1, 1);
    take_down(&net, 0, 0);
    net.refused[0][1] = true;
    net.refused[1][0] = true;
    expect_none(&mps_pm_pairs, &net);
    net.refused[0][0] = false;
    expect(&mps_pm_pairs, &net, 0, 0);
}

/* An address that comes while another one tries in vain does not wait for that. */
static void test_local_comes_back(void **user)
{
    struct net net;

    net_init(&net);
    local(&net, v4(10, 0, 2, 1), 2);
    remote(&net, v4(10, 0, 1, 2));
    remote(&net, v4(10, 0, 2, 2));
    bring_up(&net, 0, 1);
    expect(&mps_pm_pairs, &net, 0, 0);
    local(&net, v4(10, 0, 1, 1), 1);
    expect(&mps_pm_pairs, &net, 1, 0);
    expect_none(&mps_pm_pairs, &net);
}

/* One attempt at a time, and nothing works: the one that failed often lets the others try. */
static void test_turns(void **user)
{
    struct net net;

    net_init(&net);
    local(&net, v4(10, 0, 1, 1), 1);
    local(&net, v4(10, 0, 2, 1), 2);
    local(&net, v4(10, 0, 3, 1), 3);
    remote(&net, v4(10, 9, 1, 2));
    net.locals[0].fails = 3;
    net.locals[1].fails = 1;
    net.locals[1].backup = true;
    net.locals[2].fails = 2;
    expect(&mps_pm_pairs, &net, 1, 0);
}

/* Three networks that do not look alike, and no ways between them: bad pairs do not take turns. */
static void test_in_vain_last(void **user)
{
    struct net net;

    net_init(&net);
    for (uint8_t i = 1; i <= 3; i++) {
        local(&net, v4(10, 98, i, 2), i);
        remote(&net, v4(10, 99, i, 1));
    }
    bring_up(&net, 0, 0);
    expect(&mps_pm_pairs, &net, 1, 0);
    expect(&mps_pm_pairs, &net, 2, 0);
    fail_slowly(&net, 2, 0);
    expect(&mps_pm_pairs, &net, 2, 1);
    fail_slowly(&net, 1, 0);
    expect(&mps_pm_pairs, &net, 1, 2);
    fail_slowly(&net, 2, 1);
    expect(&mps_pm_pairs, &net, 2, 2);
    fail_slowly(&net, 1, 2);
    expect(&mps_pm_pairs, &net, 1, 1);
    expect_none(&mps_pm_pairs, &net);
    /* Of those that failed, the one that failed least. */
    take_down(&net, 2, 2);
    net.vain[2][0]++;
    expect(&mps_pm_pairs, &net, 2, 1);
}

/* The same for a remote address that is left over. */
static void test_remote_in_vain(void **user)
{
    struct net net;

    net_init(&net);
    local(&net, v4(10, 98, 1, 2), 1);
    local(&net, v4(10, 98, 2, 2), 2);
    for (uint8_t i = 1; i <= 3; i++)
        remote(&net, v4(10, 99, i, 1));
    bring_up(&net, 0, 0);
    bring_up(&net, 1, 1);
    expect(&mps_pm_pairs, &net, 0, 2);
    fail_slowly(&net, 0, 2);
    expect(&mps_pm_pairs, &net, 1, 2);
    expect_none(&mps_pm_pairs, &net);
}

static void test_limit(void **user)
{
    for (unsigned i = 0; mps_pm_at(i) != NULL; i++) {
        struct net net;

        net_two_by_two(&net);
        bring_up(&net, 0, 0);
        net.in.max_subflows = 1;
        expect_none(mps_pm_at(i), &net);
        net.in.n_locals = 0;
        net.in.max_subflows = 8;
        expect_none(mps_pm_at(i), &net);
    }
}

static void test_fullmesh(void **user)
{
    struct net net;

    net_two_by_two(&net);
    bring_up(&net, 0, 0);
    expect(&mps_pm_fullmesh, &net, 1, 1);
    expect(&mps_pm_fullmesh, &net, 0, 1);
    expect(&mps_pm_fullmesh, &net, 1, 0);
    expect_none(&mps_pm_fullmesh, &net);
    take_down(&net, 0, 0);
    expect_none(&mps_pm_fullmesh, &net);
    net.refused[0][0] = false;
    expect(&mps_pm_fullmesh, &net, 0, 0);
}

/* Below the limit a bad pair does not come again before all others had their turn. */
static void test_fullmesh_in_vain(void **user)
{
    struct net net;

    net_two_by_two(&net);
    net.in.max_subflows = 2;
    bring_up(&net, 0, 0);
    expect(&mps_pm_fullmesh, &net, 1, 1);
    fail_slowly(&net, 1, 1);
    expect(&mps_pm_fullmesh, &net, 0, 1);
    fail_slowly(&net, 0, 1);
    expect(&mps_pm_fullmesh, &net, 1, 0);
    fail_slowly(&net, 1, 0);
    expect(&mps_pm_fullmesh, &net, 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_two_by_two),
        cmocka_unit_test(test_no_crossing),
        cmocka_unit_test(test_announced_later),
        cmocka_unit_test(test_two_by_two_routed),
        cmocka_unit_test(test_two_locals_one_remote),
        cmocka_unit_test(test_one_local_two_remotes),
        cmocka_unit_test(test_many_addresses_of_one_interface),
        cmocka_unit_test(test_three_locals_one_remote),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_dual_stack_two_by_two),
        cmocka_unit_test(test_backup_local_last),
        cmocka_unit_test(test_first_dies),
        cmocka_unit_test(test_local_comes_back),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_in_vain_last),
        cmocka_unit_test(test_remote_in_vain),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_fullmesh),
        cmocka_unit_test(test_fullmesh_in_vain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
