/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include "test.h"
#include "core/base/addr.h"

static struct mps_addr addr(const char *text, uint16_t port)
{
    struct mps_addr a = {.port = port};

    a.family = strchr(text, ':') ? MPS_AF_INET6 : MPS_AF_INET;
    assert_int_equal(inet_pton(a.family == MPS_AF_INET ? AF_INET : AF_INET6, text, a.ip), 1);
    return a;
}

static void equality(void **state)
{
    struct mps_addr a = addr("192.0.2.1", 80), b = addr("192.0.2.1", 81);
    struct mps_addr c = addr("192.0.2.2", 80), v6 = addr("c000:201::", 80);

    assert_true(mps_addr_same_ip(&a, &b));
    assert_false(mps_addr_equal(&a, &b));
    b.port = 80;
    assert_true(mps_addr_equal(&a, &b));
    assert_false(mps_addr_same_ip(&a, &c));
    assert_false(mps_addr_same_ip(&a, &v6)); /* the same bytes in another family */
}

static void loopback(void **state)
{
    static const char *const yes[] = {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.2"};
    static const char *const no[] = {
        "126.255.255.255", "128.0.0.0",        "0.0.0.0",    "::", "::2",
        "7f00:1::",        "::ffff:192.0.2.1", "::127.0.0.1"};
    struct mps_addr a;

    for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
        a = addr(yes[i], 1);
        assert_true(mps_addr_is_loopback(&a));
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++) {
        a = addr(no[i], 1);
        assert_false(mps_addr_is_loopback(&a));
    }
}

static void sanity(void **state)
{
    static const char *const never[] = {
        "0.0.0.0",          "0.1.2.3",          "169.254.0.1",
        "169.254.255.255",  "224.0.0.1",        "240.0.0.1",
        "239.255.255.255",  "255.255.255.255",  "::",
        "ff02::1",          "fe80::1",          "febf::1",
        "::ffff:192.0.2.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::e000:1",
    };
    static const char *const always[] = {
        "1.0.0.1",         "169.253.0.1", "169.255.0.1",       "192.0.2.1",
        "223.255.255.255", "2001:db8::1", "64:ff9b::c000:201",
    };
    struct mps_addr far = addr("198.51.100.1", 80), near = addr("127.0.0.1", 80);
    struct mps_addr a;

    for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
        a = addr(never[i], 80);
        assert_false(mps_addr_is_sane_from(&a, &far));
        assert_false(mps_addr_is_sane_from(&a, &near));
    }
    for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++) {
        a = addr(always[i], 80);
        assert_true(mps_addr_is_sane_from(&a, &far));
        assert_true(mps_addr_is_sane_from(&a, &near));
    }
    a = addr("127.0.0.2", 80);
    assert_false(mps_addr_is_sane_from(&a, &far));
    assert_true(mps_addr_is_sane_from(&a, &near));
    a = addr("::1", 80);
    assert_false(mps_addr_is_sane_from(&a, &far));
    assert_true(mps_addr_is_sane_from(&a, &near));
    a.family = MPS_AF_NONE;
    assert_false(mps_addr_is_sane_from(&a, &near));
}

/* RFC 1918 and its like: each network has its own, so a peer outside cannot know ours. */
static void privacy(void **state)
{
    static const char *const private[] = {
        "10.0.0.1",   "10.255.255.255", "172.16.0.1",    "172.31.255.255",    "192.168.0.1",
        "100.64.0.1", "100.127.0.1",    "198.18.0.1",    "198.19.255.255",    "fc00::1",
        "fdff::1",    "fec0::1",        "2002:a00:1::1", "64:ff9b::c0a8:101", "64:ff9b:1::1",
    };
    static const char *const public[] = {
        "9.255.255.255", "11.0.0.0",   "172.15.0.1",       "172.32.0.1",       "192.167.0.1",
        "192.169.0.1",   "100.63.0.1", "100.128.0.1",      "198.17.0.1",       "198.20.0.1",
        "2001:db8::1",   "fbff::1",    "2002:c000:201::1", "64:ff9b::808:808",
    };
    struct mps_addr far = addr("198.51.100.1", 80), near = addr("::1", 80);
    struct mps_addr a, b = addr("192.168.7.7", 80);

    for (size_t i = 0; i < sizeof(private) / sizeof(*private); i++) {
        a = addr(private[i], 80);
        assert_true(mps_addr_is_private(&a));
        assert_false(mps_addr_is_sane_from(&a, &far));
        assert_true(mps_addr_is_sane_from(&a, &near));
        assert_true(mps_addr_is_sane_from(&a, &b));
        assert_true(mps_addr_is_sane_from(&far, &a));
    }
    for (size_t i = 0; i < sizeof(public) / sizeof(*public); i++) {
        a = addr(public[i], 80);
        assert_false(mps_addr_is_private(&a));
        assert_true(mps_addr_is_sane_from(&a, &far));
    }
}

static void same_host(void **state)
{
    struct mps_addr a = addr("192.0.2.1", 80), b = addr("192.0.2.1", 81), c = addr("192.0.2.2", 80);
    struct mps_addr v6 = addr("2001:db8::1", 1), other = addr("2001:db8::2:0:0:1", 2);
    struct mps_addr far = addr("2001:db8:0:1::1", 1);

    assert_true(mps_addr_same_host(&a, &b));
    assert_false(mps_addr_same_host(&a, &c));
    assert_true(mps_addr_same_host(&v6, &other));
    assert_false(mps_addr_same_host(&v6, &far));
    assert_false(mps_addr_same_host(&v6, &a));
}

static void assert_prefix(const char *a_text, const char *b_text, unsigned bits)
{
    struct mps_addr a = addr(a_text, 1), b = addr(b_text, 2);

    assert_int_equal(mps_addr_common_prefix(&a, &b), bits);
    assert_int_equal(mps_addr_common_prefix(&b, &a), bits);
}

static void common_prefix(void **state)
{
    assert_prefix("10.0.0.1", "10.0.0.1", 32);
    assert_prefix("10.0.0.0", "10.0.0.1", 31);
    assert_prefix("10.0.0.1", "10.0.1.1", 23);
    assert_prefix("10.0.0.1", "138.0.0.1", 0);
    assert_prefix("10.0.0.1", "74.0.0.1", 1);
    assert_prefix("2001:db8::1", "2001:db8::1", 128);
    assert_prefix("2001:db8::", "2001:db8::1", 127);
    assert_prefix("2001:db8:1::", "2001:db8:2::", 46);
    assert_prefix("10.0.0.1", "a00:1::", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality), cmocka_unit_test(loopback),  cmocka_unit_test(sanity),
        cmocka_unit_test(privacy),  cmocka_unit_test(same_host), cmocka_unit_test(common_prefix),
    };

    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
