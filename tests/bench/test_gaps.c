/* SPDX-License-Identifier: MIT */
/* Which gaps count: those that no processor had a part in. */
#include "gaps.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "lib/test.h"

#define NEAR(a, b) ((a) - (b) < 1e-9 && (b) - (a) < 1e-9)

/* The quiet part of 10 s from 100 on; `stalls` is what the file says. */
static struct quiet quiet(const struct gaps *g, const char *stalls)
{
    char path[] = "/tmp/gaps-XXXXXX";
    int fd = mkstemp(path);
    struct quiet q = {-1, -1};
    FILE *f;

    assert_true(fd >= 0);
    f = fdopen(fd, "w");
    assert_non_null(f);
    assert_true(fputs(stalls, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_true(gaps_quiet(g, 100, 110, path, &q));
    unlink(path);
    return q;
}

static void some(struct gaps *g)
{
    assert_true(gaps_add(g, 101, 101.010));
    assert_true(gaps_add(g, 103, 103.030));
    assert_true(gaps_add(g, 105, 105.020));
    assert_true(NEAR(gaps_longest(g), 0.030));
}

static void all_of_a_quiet_time(void **state)
{
    struct gaps g = {0};
    struct quiet q;

    some(&g);
    q = quiet(&g, "");
    assert_true(NEAR(q.gap, 0.030) && NEAR(q.seconds, 10));
    q = quiet(&g, "103.01 103.011\n"); /* too short to matter */
    assert_true(NEAR(q.gap, 0.030) && NEAR(q.seconds, 10));
    q = quiet(&g, "103.2 103.21\n"); /* after it */
    assert_true(NEAR(q.gap, 0.030) && NEAR(q.seconds, 10 - 0.01 - GAPS_ECHO));
    gaps_free(&g);
}

static void not_what_a_stall_made(void **state)
{
    struct gaps g = {0};
    struct quiet q;

    some(&g);
    q = quiet(&g, "103.02 103.03\n");
    assert_true(NEAR(q.gap, 0.020));
    q = quiet(&g, "102.8 102.81\n"); /* its echo */
    assert_true(NEAR(q.gap, 0.020));
    /* Two processors at the same time count once. */
    q = quiet(&g, "102.8 102.81\n102.8 102.82\n104.9 105.03\n");
    assert_true(NEAR(q.gap, 0.010) && NEAR(q.seconds, 10 - 0.02 - 0.13 - 2 * GAPS_ECHO));
    gaps_free(&g);
}

static void nothing_is_made_up(void **state)
{
    struct gaps g = {0};
    struct quiet q;

    assert_true(NEAR(quiet(&g, "").gap, 0));
    some(&g);
    assert_false(gaps_quiet(&g, 100, 110, "/nonexistent", &q));
    assert_true(gaps_quiet(&g, 100, 110, NULL, &q) && NEAR(q.gap, 0.030));
    q = quiet(&g, "99 111\n");
    assert_true(NEAR(q.gap, 0) && NEAR(q.seconds, 0));
    gaps_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_a_quiet_time),
        cmocka_unit_test(not_what_a_stall_made),
        cmocka_unit_test(nothing_is_made_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
