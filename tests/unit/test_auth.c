/* SPDX-License-Identifier: MIT */
/*
 * What does not come from the page's vectors (test_vectors.c): primitives against the vectors of
 * their own documents, every failing call, and what must differ.
 */
#include "test.h"
#include "crypto.h"
#include "core/base/err.h"
#include "core/wire/auth.h"
#include "core/wire/seal.h"

static const uint8_t key_c[MPS_KEY_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
static const uint8_t key_s[MPS_KEY_LEN] = {0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18};
static const uint8_t agreed[MPS_SHARE_LEN] = {7};

static void assert_hex(const uint8_t *data, size_t len, const char *hex)
{
    char text[2 * 64 + 1] = "";

    assert_true(len <= 64);
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", data[i]);
    assert_string_equal(text, hex);
}

static void unhex(const char *hex, uint8_t *out)
{
    for (unsigned byte; sscanf(hex, "%2x", &byte) == 1; hex += 2)
        *out++ = (uint8_t)byte;
}

static int setup(void **state)
{
    struct test_crypto *t = malloc(sizeof(*t));

    test_crypto_init(t, 1);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    test_crypto_deinit(*state);
    free(*state);
    return 0;
}

static void token(void **state)
{
    struct test_crypto *t = *state;
    uint32_t value = 7;

    assert_int_equal(mps_auth_token(&t->crypto, key_c, &value), 0);
    assert_int_equal(value, 0xdd5783bcu);
    assert_int_equal(mps_auth_token(&t->crypto, key_s, &value), 0);
    assert_int_equal(value, 0x3383d918u);
    t->fail = 1;
    assert_int_equal(mps_auth_token(&t->crypto, key_c, &value), MPS_ECRYPTO);
    assert_int_equal(value, 0x3383d918u);
}

/* RFC 2202 (SHA-1) and RFC 4231 (SHA-256), case 2. */
static void hmac(void **state)
{
    static const char data[] = "what do ya want for nothing?";
    struct test_crypto *t = *state;
    uint8_t out[MPS_HASH_LEN_MAX], key[65] = {0};

    assert_int_equal(t->crypto.hmac(t, MPS_SHA1, "Jefe", 4, data, 28, out), 0);
    assert_hex(out, MPS_SHA1_LEN, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    assert_int_equal(t->crypto.hmac(t, MPS_SHA256, "Jefe", 4, data, 28, out), 0);
    assert_hex(out, MPS_SHA256_LEN,
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_int_equal(t->crypto.hmac(t, MPS_SHA256, key, sizeof(key), data, 28, out), MPS_ECRYPTO);
}

static void hashing(void **state)
{
    struct test_crypto *t = *state;
    uint8_t out[MPS_SHA256_LEN], whole[MPS_SHA256_LEN];
    struct mps_hashing *h = t->crypto.hashing_begin(t);

    assert_non_null(h);
    assert_int_equal(t->crypto.hashing_add(t, h, "a", 1), 0);
    assert_int_equal(t->crypto.hashing_add(t, h, "bc", 2), 0);
    assert_int_equal(t->crypto.hashing_end(t, h, out), 0);
    assert_int_equal(t->crypto.hash(t, MPS_SHA256, "abc", 3, whole), 0);
    assert_memory_equal(out, whole, sizeof(out));
    assert_hex(out, 8, "ba7816bf8f01cfea");
}

/* RFC 7748 section 6.1 for the shape: both sides get the same; no share is all zeros. */
static void shares(void **state)
{
    struct test_crypto *t = *state;
    struct mps_share *a = t->crypto.share_get(t), *b;
    uint8_t ab[MPS_SHARE_LEN], ba[MPS_SHARE_LEN], zero[MPS_SHARE_LEN] = {0};

    assert_ptr_equal(t->crypto.share_get(t), a); /* used again, */
    t->crypto.share_release(t, a);
    mps_openssl_rotate(&t->ssl);
    b = t->crypto.share_get(t); /* until there is another one */
    assert_ptr_not_equal(a, b);
    assert_memory_not_equal(a->value, b->value, MPS_SHARE_LEN);
    assert_int_equal(t->crypto.agree(t, a, b->value, ab), 0);
    assert_int_equal(t->crypto.agree(t, b, a->value, ba), 0);
    assert_memory_equal(ab, ba, MPS_SHARE_LEN);
    memset(ab, 0, sizeof(ab));
    assert_int_equal(t->crypto.agree(t, a, b->value, ab), 0); /* known by now */
    assert_memory_equal(ab, ba, MPS_SHARE_LEN);
    assert_int_equal(t->crypto.agree(t, a, zero, ab), MPS_EPROTO);
    t->crypto.share_release(t, a);
    t->crypto.share_release(t, b);
}

/* GCM of NIST SP 800-38D without plaintext, whatever contexts were kept: more keys than places. */
static void macs(void **state)
{
    struct test_crypto *t = *state;
    uint8_t key[MPS_MAC_KEY_LEN], out[MPS_MAC_LEN], first[100][MPS_MAC_LEN], aad[20];
    struct mps_span halves[2] = {{aad, 7}, {aad + 7, 13}}, whole = {aad, 20};

    memset(key, 0, sizeof(key));
    assert_int_equal(t->crypto.mac(t, key, 0, NULL, 0, out), 0);
    assert_hex(out, sizeof(out), "58e2fccefa7e3061367f1d57a4e7455a"); /* test case 1 of McGrew */
    unhex("feffe9928665731c6d6a8f9467308308feedfeed", aad);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 100; i++) {
            key[0] = (uint8_t)i;
            assert_int_equal(t->crypto.mac(t, key, i, halves, 2, out), 0);
            if (round == 0)
                memcpy(first[i], out, sizeof(out));
            assert_memory_equal(first[i], out, sizeof(out));
            assert_int_equal(t->crypto.mac(t, key, i, &whole, 1, out), 0);
            assert_memory_equal(first[i], out, sizeof(out));
            if (i % 3 == 0)
                t->crypto.mac_forget(t, key);
        }
    }
}

static void seals(void **state)
{
    struct test_crypto *t = *state;
    uint8_t buf[30 + MPS_MAC_LEN] = "a head", mac[MPS_MAC_LEN];
    const struct mps_span span = {buf, 30};
    struct mps_seal seal = {.there = false};

    mps_seal_init(&seal, (const uint8_t *)"sixteen bytes ..");
    assert_int_equal(mps_seal_head(&t->crypto, &seal, 5, buf, 30), 0);
    assert_int_equal(mps_seal_check_head(&t->crypto, &seal, 5, buf, 30), 0);
    assert_int_equal(mps_seal_check_head(&t->crypto, &seal, 4, buf, 30), MPS_EMAC);
    assert_int_equal(mps_seal_check_payload(&t->crypto, &seal, 5, buf, 30, buf + 30), MPS_EPAYLOAD);
    assert_int_equal(mps_seal_payload(&t->crypto, &seal, 5, &span, 1, mac), 0);
    assert_memory_not_equal(mac, buf + 30, MPS_MAC_LEN);
    assert_int_equal(mps_seal_check_payload(&t->crypto, &seal, 5, buf, 30, mac), 0);
    for (unsigned bit = 0; bit < 8 * sizeof(buf); bit++) {
        buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(mps_seal_check_head(&t->crypto, &seal, 5, buf, 30), MPS_EMAC);
        buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    mps_seal_deinit(&seal, &t->crypto);
    for (unsigned i = 0; i < sizeof(seal); i++)
        assert_int_equal(((const uint8_t *)&seal)[i], 0);
}

static void secrets_of(struct test_crypto *t, const struct mps_psk *psk, enum mps_hash alg,
                       struct mps_secrets *ret)
{
    struct mps_opening hello = {.kind = MPS_OPENING_HELLO, .hello = {.n_algs = 1, .algs = {alg}}};
    uint8_t bytes[MPS_OPENING_MAX_LEN], reply[MPS_OPENING_MAX_LEN];
    struct mps_ingredients from = {
        .alg = alg, .psk = psk, .agreed = agreed, .key_c = key_c, .key_s = key_s};

    memset(ret, 0, sizeof(*ret));
    from.hello = (struct mps_message){bytes, mps_opening_encode(&hello, bytes)};
    hello.kind = MPS_OPENING_HELLO_REPLY;
    from.reply = (struct mps_message){reply, mps_opening_encode(&hello, reply)};
    assert_int_equal(mps_auth_secrets(&t->crypto, &from, ret), 0);
}

/* Every direction, subflow, nonce, key and hash makes another key. */
static void frame_keys_differ(void **state)
{
    static const struct mps_psk psk = {.key = {9}, .key_len = MPS_PSK_MIN};
    uint8_t nonces[3][MPS_NONCE_LEN] = {{1}, {2}, {3}}, keys[32][MPS_MAC_KEY_LEN];
    struct test_crypto *t = *state;
    struct mps_secrets s[3];
    unsigned n = 0;

    secrets_of(t, NULL, MPS_SHA256, &s[0]);
    secrets_of(t, &psk, MPS_SHA256, &s[1]);
    secrets_of(t, NULL, MPS_SHA1, &s[2]);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned side = 0; side < 2; side++) {
            struct mps_nonces ab = {nonces[0], nonces[1]}, ba = {nonces[1], nonces[0]}, none = {0};

            mps_auth_frames(&t->crypto, &s[i], 0, side, none, keys[n++]);
            mps_auth_frames(&t->crypto, &s[i], 2, side, ab, keys[n++]);
            mps_auth_frames(&t->crypto, &s[i], 4, side, ab, keys[n++]);
            mps_auth_frames(&t->crypto, &s[i], 2, side, ba, keys[n++]);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < i; k++)
            assert_memory_not_equal(keys[i], keys[k], MPS_MAC_KEY_LEN);
    }
}

static void each_call_fails(void **state)
{
    struct test_crypto *t = *state;
    uint8_t out[2][MPS_HMAC_LEN], key[MPS_MAC_KEY_LEN], early[MPS_SHA256_LEN] = {0},
                                                        bytes[64] = {0};
    struct mps_message m = {bytes, sizeof(bytes)};
    struct mps_ingredients from = {.alg = MPS_SHA256,
                                   .agreed = agreed,
                                   .key_c = key_c,
                                   .key_s = key_s,
                                   .hello = m,
                                   .reply = m};
    struct mps_secrets s;

    secrets_of(t, NULL, MPS_SHA256, &s);
    for (unsigned i = 1; i <= 3; i++) {
        t->fail = i;
        assert_int_equal(mps_auth_early(&t->crypto, NULL, key_c, m, key), MPS_ECRYPTO);
    }
    for (unsigned i = 1; i <= 4; i++) {
        t->fail = i;
        assert_int_equal(mps_auth_secrets(&t->crypto, &from, &s), MPS_ECRYPTO);
    }
    for (unsigned i = 1; i <= 2; i++) {
        t->fail = i;
        assert_int_equal(mps_auth_join(&t->crypto, &s, m, m, out), MPS_ECRYPTO);
    }
    t->fail = 1;
    assert_int_equal(mps_auth_reply(&t->crypto, &s, out[0]), MPS_ECRYPTO);
    t->fail = 1;
    assert_int_equal(mps_auth_finished(&t->crypto, &s, early, out[0]), MPS_ECRYPTO);
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
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(token),
        T(hmac),
        T(hashing),
        T(shares),
        T(macs),
        T(seals),
        T(frame_keys_differ),
        T(each_call_fails),
        cmocka_unit_test(equal),
    };

    return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
