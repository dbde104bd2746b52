/* SPDX-License-Identifier: MIT */
/* The values expected here were computed with another implementation (Python's hmac, hashlib). */
#include "test.h"
#include "crypto.h"
#include "core/wire/auth.h"
#include "core/base/err.h"

static const uint8_t key_c[MPS_KEY_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t key_s[MPS_KEY_LEN] = {0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18};

static void assert_hex(const uint8_t *data, size_t len, const char *hex)
{
    char text[2 * 64 + 1] = "";

    assert_true(len <= 64);
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", data[i]);
    assert_string_equal(text, hex);
}

static void token(void **state)
{
    struct test_crypto t;
    uint32_t value = 7;

    test_crypto_init(&t, 1);
    assert_int_equal(mps_auth_token(&t.crypto, key_c, &value), 0);
    assert_int_equal(value, 0xdd5783bcu);
    assert_int_equal(mps_auth_token(&t.crypto, key_s, &value), 0);
    assert_int_equal(value, 0x3383d918u);
    t.fail = 1;
    assert_int_equal(mps_auth_token(&t.crypto, key_c, &value), MPS_ECRYPTO);
    assert_int_equal(value, 0x3383d918u);
}

static void join(void **state)
{
    uint8_t nonce_c[MPS_NONCE_LEN], nonce_s[MPS_NONCE_LEN], out[MPS_SHA1_LEN];
    struct test_crypto t;

    test_crypto_init(&t, 1);
    for (unsigned i = 0; i < MPS_NONCE_LEN; i++) {
        nonce_c[i] = (uint8_t)(0xa0 + i);
        nonce_s[i] = (uint8_t)(0xb0 + i);
    }
    assert_int_equal(mps_auth_join(&t.crypto, key_c, key_s, nonce_c, nonce_s, out), 0);
    assert_hex(out, sizeof(out), "82a70520a1f54104b95729ddbe3b2ec0f8c0bb57");
    assert_int_equal(mps_auth_join(&t.crypto, key_s, key_c, nonce_s, nonce_c, out), 0);
    assert_hex(out, sizeof(out), "3a17c97acdfbf9605cad88d4db620d22782cfc37");
    t.fail = 1;
    assert_int_equal(mps_auth_join(&t.crypto, key_s, key_c, nonce_s, nonce_c, out), MPS_ECRYPTO);
}

static void add_addr(void **state)
{
    struct mps_addr v4 = {.family = MPS_AF_INET, .port = 8080, .ip = {192, 0, 2, 1}};
    struct mps_addr v6 = {.family = MPS_AF_INET6, .ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
    struct test_crypto t;
    uint8_t out[8];

    test_crypto_init(&t, 1);
    assert_int_equal(mps_auth_add_addr(&t.crypto, key_s, key_c, 1, &v4, out), 0);
    assert_hex(out, sizeof(out), "a4d9249dc921edb4");
    assert_int_equal(mps_auth_add_addr(&t.crypto, key_s, key_c, 2, &v6, out), 0);
    assert_hex(out, sizeof(out), "8df83ceecc340415");
    t.fail = 1;
    assert_int_equal(mps_auth_add_addr(&t.crypto, key_s, key_c, 2, &v6, out), MPS_ECRYPTO);
}

static void fastclose(void **state)
{
    struct test_crypto t;
    uint8_t out[MPS_SHA1_LEN];

    test_crypto_init(&t, 1);
    assert_int_equal(mps_auth_fastclose(&t.crypto, key_c, key_s, 0, out), 0);
    assert_hex(out, sizeof(out), "1cbce9290d23a2d0df52bdcdd93c3e2f273fa87a");
    assert_int_equal(mps_auth_fastclose(&t.crypto, key_c, key_s, 4, out), 0);
    assert_hex(out, sizeof(out), "14a726e93ffde639a61738561121e1820ea0743e");
    t.fail = 1;
    assert_int_equal(mps_auth_fastclose(&t.crypto, key_c, key_s, 4, out), MPS_ECRYPTO);
}

static void equal(void **state)
{
    uint8_t a[MPS_SHA1_LEN] = {1, 2, 3}, b[MPS_SHA1_LEN] = {1, 2, 3};

    assert_true(mps_auth_equal(a, b, sizeof(a)));
    assert_true(mps_auth_equal(a, b, 0));
    for (unsigned bit = 0; bit < 8 * sizeof(a); bit++) {
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(mps_auth_equal(a, b, sizeof(a)));
        b[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    b[10] = 0xff;
    assert_true(mps_auth_equal(a, b, 10)); /* looks at no byte behind len */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token),     cmocka_unit_test(join),  cmocka_unit_test(add_addr),
        cmocka_unit_test(fastclose), cmocka_unit_test(equal),
    };

    return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
