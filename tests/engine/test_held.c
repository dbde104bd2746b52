/* SPDX-License-Identifier: MIT */
/* What a program holds is asked again after a while in proportion, and when the tunnels change. */
#include "engine/paths/held.h"
#include "test.h"

static struct mps_netaddr_list with_tunnels(unsigned n)
{
    struct mps_netaddr_list list = {.n = 1 + n};

    list.entry[0].ifindex = 1;
    for (unsigned i = 0; i < n; i++)
        list.entry[1 + i] = (struct mps_netaddr_entry){.ifindex = 7 + i, .tun = true};
    return list;
}

static void test_tunnels(void **state)
{
    struct mps_netaddr_list none = with_tunnels(0), one = with_tunnels(1), two = with_tunnels(2);

    assert_true(mps_held_tunnels(&none) == 0);
    assert_true(mps_held_tunnels(&one) != 0);
    assert_true(mps_held_tunnels(&one) != mps_held_tunnels(&two));
    one.entry[0].ifindex = 2; /* no tunnel */
    assert_true(mps_held_tunnels(&one) == mps_held_tunnels(&(struct mps_netaddr_list){
                                              .n = 1, .entry = {{.ifindex = 7, .tun = true}}}));
}

static void test_for_a_while(void **state)
{
    const struct mps_holds holds = {.n = 1, .tunnel = {"tun3"}};
    struct mps_held held = {.next = 0};
    struct mps_holds ret;

    assert_false(mps_held_recall(&held, 10, 1, 0, &ret));
    mps_held_keep(&held, 10, 1, 1000, 1100, &holds);
    assert_true(mps_held_recall(&held, 10, 1, 1100, &ret));
    assert_int_equal(ret.n, 1);
    assert_string_equal(ret.tunnel[0], "tun3");
    assert_true(mps_held_recall(&held, 10, 1, 1100 + 100 * MPS_HELD_TIMES - 1, &ret));
    assert_false(mps_held_recall(&held, 10, 1, 1100 + 100 * MPS_HELD_TIMES, &ret));
    assert_false(mps_held_recall(&held, 10, 3, 1100, &ret)); /* other tunnels */
    assert_false(mps_held_recall(&held, 11, 1, 1100, &ret)); /* another program */
}

static void test_programs(void **state)
{
    const struct mps_holds none = {.n = 0};
    struct mps_held held = {.next = 0};
    struct mps_holds ret;

    for (pid_t pid = 1; pid <= MPS_HELD_PROGRAMS + 1; pid++)
        mps_held_keep(&held, pid, 1, 0, 100, &none);
    assert_false(mps_held_recall(&held, 1, 1, 100, &ret)); /* the eldest made room */
    assert_true(mps_held_recall(&held, 2, 1, 100, &ret));
    /* One place for each program. */
    mps_held_keep(&held, 2, 1, 200, 300, &none);
    mps_held_keep(&held, 2, 1, 300, 500, &none);
    assert_true(mps_held_recall(&held, 3, 1, 100, &ret));
    assert_true(mps_held_recall(&held, 2, 1, 500 + 200 * MPS_HELD_TIMES - 1, &ret));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tunnels),
        cmocka_unit_test(test_for_a_while),
        cmocka_unit_test(test_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
