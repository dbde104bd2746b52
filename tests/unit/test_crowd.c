/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include "core/base/crowd.h"
#include "test.h"

#define MAX 64

struct room {
    struct mps_crowd_guest guests[MAX];
    unsigned n;
};

static struct mps_addr addr(const char *text)
{
    struct mps_addr a = {.port = 1};

    a.family = strchr(text, ':') ? MPS_AF_INET6 : MPS_AF_INET;
    assert_int_equal(inet_pton(a.family == MPS_AF_INET ? AF_INET : AF_INET6, text, a.ip), 1);
    return a;
}

static void add(struct room *r, const char *from, mps_time_t since)
{
    r->guests[r->n++] = (struct mps_crowd_guest){addr(from), since};
}

static unsigned yields(const struct room *r, const char *from, mps_time_t fresh)
{
    struct mps_addr a = addr(from);

    return mps_crowd_yields(r->guests, r->n, &a, fresh);
}

static void one_source(void **state)
{
    struct room r = {.n = 0};

    add(&r, "192.0.2.1", 10);
    for (mps_time_t t = 20; t < 25; t++)
        add(&r, "198.51.100.7", t);
    /* The flood pays, its oldest first, whoever comes. */
    assert_int_equal(yields(&r, "192.0.2.1", 0), 1);
    assert_int_equal(yields(&r, "203.0.113.1", 0), 1);
    assert_int_equal(yields(&r, "2001:db8::1", 0), 1);
    /* Itself does not get on by coming again, before its own are old. */
    assert_int_equal(yields(&r, "198.51.100.7", 19), r.n);
    assert_int_equal(yields(&r, "198.51.100.7", 20), 1);
}

/* Many addresses of one network are one crowd, and within it, one host is. */
static void one_network(void **state)
{
    struct room r = {.n = 0};

    add(&r, "192.0.2.1", 10);
    add(&r, "192.0.2.1", 11);
    add(&r, "198.51.100.1", 12);
    add(&r, "198.51.100.2", 13);
    add(&r, "198.51.100.2", 14);
    assert_int_equal(yields(&r, "203.0.113.1", 0), 3);
    assert_int_equal(yields(&r, "198.51.100.1", 0), 3);
    assert_int_equal(yields(&r, "198.51.100.3", 0), 3);
    assert_int_equal(yields(&r, "192.0.2.1", 0), 3);
    r.n = 0;
    add(&r, "2001:db8:1:1::1", 10);
    add(&r, "2001:db8:2::1", 11);
    add(&r, "2001:db8:2:7::1", 12);
    add(&r, "2001:db8:2:7::2", 13);
    assert_int_equal(yields(&r, "2001:db8:1:1::1", 0), 2);
}

/* As many sources as places: then the oldest goes, and the newcomer has its time. */
static void many_sources(void **state)
{
    struct room r = {.n = 0};

    add(&r, "192.0.2.1", 12);
    add(&r, "198.51.100.1", 11);
    add(&r, "203.0.113.1", 13);
    assert_int_equal(yields(&r, "10.0.0.1", 0), 1);
    assert_int_equal(yields(&r, "203.0.113.1", 5), 3); /* it has its own share, */
    assert_int_equal(yields(&r, "203.0.113.2", 5), 2); /* which its network shares */
    r.n = 0;
    assert_int_equal(yields(&r, "10.0.0.1", 0), 0);
}

/* Whatever comes, a guest who is alone keeps its place as long as others have more. */
static void steady(void **state)
{
    struct room r = {.n = 0};
    char text[32];

    add(&r, "192.0.2.1", 1);
    for (unsigned i = 0; i < 1000; i++) {
        unsigned at = r.n;

        snprintf(text, sizeof(text), "198.51.100.%u", i % 7);
        if (r.n == 8) {
            at = yields(&r, text, 2 + i);
            assert_in_range(at, 1, 7);
        } else {
            r.n++;
        }
        r.guests[at] = (struct mps_crowd_guest){addr(text), 2 + i};
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_source),
        cmocka_unit_test(one_network),
        cmocka_unit_test(many_sources),
        cmocka_unit_test(steady),
    };

    return cmocka_run_group_tests_name("crowd", tests, NULL, NULL);
}
