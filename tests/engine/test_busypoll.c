/* SPDX-License-Identifier: MIT */
/* When an exchange is quick, and that the loop sleeps again when nothing comes or others wait. */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine/net/busypoll.h"
#include "engine/agent/clock.h"
#include "test.h"

#define PROOF 64 /* messages that prove any exchange */

/* n messages of `bytes`, `gap` apart, by turns; true if the last one makes it quick. */
static bool exchange(struct mps_exchange *x, unsigned n, size_t bytes, mps_time_t gap)
{
    mps_time_t now = x->at;

    for (unsigned i = 0; i < n; i++) {
        now = x->at + gap;
        mps_exchange_note(x, !x->outgoing, bytes, now);
    }
    return mps_exchange_is_quick(x, now);
}

static void small_messages_by_turns(void **state)
{
    struct mps_exchange x = {0};

    assert_false(exchange(&x, 4, 128, 50 * MPS_USEC));
    assert_true(exchange(&x, PROOF, 128, 50 * MPS_USEC));
    assert_false(mps_exchange_is_quick(&x, x.at + 1));
}

static void slow_ones(void **state)
{
    struct mps_exchange x = {0};

    assert_false(exchange(&x, PROOF, 128, MPS_MSEC));
}

/* Where looking is in vain each time, it is rare. */
static void in_vain(void **state)
{
    struct mps_exchange x = {0};
    unsigned n_quick = 0;

    for (unsigned i = 0; i < 1000; i++)
        n_quick += exchange(&x, 1, 128, 250 * MPS_USEC);
    assert_in_range(n_quick, 1, 100);
}

static void one_direction(void **state)
{
    struct mps_exchange x = {0};

    for (unsigned i = 1; i < PROOF; i++) {
        mps_exchange_note(&x, false, 1000, i * 10 * MPS_USEC);
        assert_false(mps_exchange_is_quick(&x, i * 10 * MPS_USEC));
    }
}

static void much_data(void **state)
{
    struct mps_exchange x = {0};

    assert_false(exchange(&x, PROOF, 100000, 50 * MPS_USEC));
}

static void sleeps_again(void **state)
{
    struct ev_loop *loop = ev_loop_new(0);
    struct mps_busypoll bp;
    mps_time_t start = mps_clock_now();

    mps_busypoll_init(&bp, loop);
    mps_busypoll_go_on(&bp, start);
    ev_run(loop, 0); /* ends with the last active watcher */
    assert_true(mps_clock_now() - start >= 100 * MPS_USEC);
    mps_busypoll_go_on(&bp, mps_clock_now());
    mps_busypoll_deinit(&bp);
    ev_run(loop, 0);
    ev_loop_destroy(loop);
}

/* On the processor where another process always has something to do. */
static void gives_way(void **state)
{
    struct ev_loop *loop = ev_loop_new(0);
    struct mps_busypoll bp;
    mps_time_t start = mps_clock_now();
    pid_t parent = getpid(), child;
    cpu_set_t all, one;

    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    CPU_ZERO(&one);
    CPU_SET((size_t)sched_getcpu(), &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (getppid() == parent)
            ;
        _exit(0);
    }
    mps_busypoll_init(&bp, loop);
    while (bp.barred_until == 0 && mps_clock_now() - start < 10 * MPS_SEC) {
        mps_busypoll_go_on(&bp, mps_clock_now());
        ev_run(loop, 0);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
    assert_true(bp.barred_until > 0);
    mps_busypoll_go_on(&bp, bp.barred_until - 1);
    assert_false(ev_is_active(&bp.idle));
    mps_busypoll_go_on(&bp, bp.barred_until);
    assert_true(ev_is_active(&bp.idle));
    mps_busypoll_deinit(&bp);
    ev_loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_messages_by_turns),
        cmocka_unit_test(slow_ones),
        cmocka_unit_test(in_vain),
        cmocka_unit_test(one_direction),
        cmocka_unit_test(much_data),
        cmocka_unit_test(sleeps_again),
        cmocka_unit_test(gives_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
