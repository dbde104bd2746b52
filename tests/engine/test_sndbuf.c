/* SPDX-License-Identifier: MIT */
/* What a program's SO_SNDBUF means for a connection. */
#include "test.h"

#include "engine/connection/sndbuf.h"
#include "handover/sndbuf.h"

#define PAGE 4096u
#define MOST (8u << 20)

static uint64_t buffer_for(size_t asked)
{
    return 2 * mps_ho_sndbuf(asked, PAGE);
}

/* As TCP's, and up to half as much again; or what the program's end needs by itself. */
static void test_sndbuf_all(void **state)
{
    for (size_t asked = PAGE; asked <= MOST; asked += PAGE) {
        uint64_t buffer = buffer_for(asked), least = 2 * asked, most = 3 * asked;
        struct mps_sndbuf_bounds b = mps_sndbuf_bounds(asked, buffer);
        uint64_t all = b.keep ? b.core : b.core + buffer;

        assert_in_range(all, least > buffer ? least : buffer, most > buffer ? most : buffer);
    }
}

/* What is left when a program that waited may write again: no less than TCP leaves. */
static void test_sndbuf_refill(void **state)
{
    for (size_t asked = mps_ho_sndbuf_min(PAGE); asked <= MOST; asked += PAGE) {
        uint64_t buffer = buffer_for(asked);
        struct mps_sndbuf_bounds b = mps_sndbuf_bounds(asked, buffer);
        uint64_t left = b.keep ? b.beyond + buffer / 4 : b.core + buffer / 4;

        assert_in_range(left, 2 * asked * 2 / 3, 3 * asked);
    }
}

/* All of it is in the end of a program that wants little: that is full when TCP's would be. */
static void test_sndbuf_little(void **state)
{
    for (size_t asked = 1; 3 * asked <= buffer_for(asked); asked += 512) {
        struct mps_sndbuf_bounds b = mps_sndbuf_bounds(asked, buffer_for(asked));

        assert_true(b.keep);
        assert_int_equal(b.beyond, 0);
        assert_int_equal(b.core, buffer_for(asked));
    }
}

static void test_sndbuf_none(void **state)
{
    struct mps_sndbuf_bounds b = mps_sndbuf_bounds(0, buffer_for(0));

    assert_int_equal(b.core, 0);
    assert_false(b.keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sndbuf_all), cmocka_unit_test(test_sndbuf_refill),
        cmocka_unit_test(test_sndbuf_little), cmocka_unit_test(test_sndbuf_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
