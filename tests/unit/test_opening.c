/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "crypto.h"
#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "core/wire/opening.h"

#define N_KINDS 6

static void random_bytes(uint8_t *out, size_t len, uint64_t *rng)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(test_random(rng) >> 56);
}

static struct mps_opening random_message(enum mps_opening_kind kind, uint64_t *rng)
{
    struct mps_opening msg;
    uint8_t *bytes;
    size_t len;

    memset(&msg, 0, sizeof(msg));
    msg.kind = kind;
    switch (kind) {
    case MPS_OPENING_HELLO:
    case MPS_OPENING_HELLO_REPLY:
        bytes = msg.hello.key;
        len = MPS_KEY_LEN;
        msg.hello.capabilities = (uint32_t)test_random(rng);
        msg.hello.credit = test_random(rng);
        random_bytes(msg.hello.share, MPS_SHARE_LEN, rng);
        msg.hello.algs[0] = test_random(rng) >> 63 ? MPS_SHA1 : MPS_SHA256;
        msg.hello.n_algs = 1;
        if (kind == MPS_OPENING_HELLO_REPLY) {
            random_bytes(msg.hello.hmac, MPS_HMAC_LEN, rng);
            break;
        }
        if (test_random(rng) >> 63)
            msg.hello.algs[msg.hello.n_algs++] =
                msg.hello.algs[0] == MPS_SHA1 ? MPS_SHA256 : MPS_SHA1;
        msg.hello.identity_len = (uint8_t)test_random(rng);
        random_bytes(msg.hello.identity, msg.hello.identity_len, rng);
        break;
    case MPS_OPENING_REFUSE:
        msg.reason = (uint8_t)test_random(rng);
        return msg;
    default:
        if (kind == MPS_OPENING_JOIN) {
            msg.join.token = (uint32_t)test_random(rng);
            msg.join.subflow_id = (uint32_t)test_random(rng);
        }
        if (kind != MPS_OPENING_JOIN_CONFIRM) {
            msg.join.addr_id = (mps_addr_id_t)test_random(rng);
            msg.join.backup = test_random(rng) >> 63;
            for (unsigned i = 0; i < MPS_NONCE_LEN; i++)
                msg.join.nonce[i] = (uint8_t)test_random(rng);
        }
        bytes = msg.join.hmac;
        len = kind == MPS_OPENING_JOIN ? 0 : MPS_HMAC_LEN;
        break;
    }
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)test_random(rng);
    return msg;
}

static void assert_same(const struct mps_opening *a, const struct mps_opening *b)
{
    assert_int_equal(a->kind, b->kind);
    switch (a->kind) {
    case MPS_OPENING_HELLO:
    case MPS_OPENING_HELLO_REPLY:
        assert_memory_equal(a->hello.key, b->hello.key, MPS_KEY_LEN);
        assert_int_equal(a->hello.capabilities, b->hello.capabilities);
        assert_int_equal(a->hello.credit, b->hello.credit);
        assert_memory_equal(a->hello.share, b->hello.share, MPS_SHARE_LEN);
        assert_int_equal(a->hello.n_algs, b->hello.n_algs);
        assert_memory_equal(a->hello.algs, b->hello.algs, sizeof(a->hello.algs));
        assert_int_equal(a->hello.identity_len, b->hello.identity_len);
        assert_memory_equal(a->hello.identity, b->hello.identity, a->hello.identity_len);
        assert_memory_equal(a->hello.hmac, b->hello.hmac, MPS_HMAC_LEN);
        break;
    case MPS_OPENING_REFUSE:
        assert_int_equal(a->reason, b->reason);
        break;
    default:
        assert_int_equal(a->join.token, b->join.token);
        assert_int_equal(a->join.subflow_id, b->join.subflow_id);
        assert_int_equal(a->join.addr_id, b->join.addr_id);
        assert_int_equal(a->join.backup, b->join.backup);
        assert_memory_equal(a->join.nonce, b->join.nonce, MPS_NONCE_LEN);
        assert_memory_equal(a->join.hmac, b->join.hmac, MPS_HMAC_LEN);
        break;
    }
}

/* Set length and CRC anew, so that only what the test changed is wrong. */
static void seal(uint8_t *buf, size_t len)
{
    uint32_t crc;

    buf[10] = (uint8_t)(len >> 8);
    buf[11] = (uint8_t)len;
    memset(buf + 12, 0, 4);
    crc = mps_crc32c(0, buf, len);
    for (unsigned i = 0; i < 4; i++)
        buf[12 + i] = (uint8_t)(crc >> (24 - 8 * i));
}

/* Parse a copy that ends where the bytes end, so that a sanitizer sees a read beyond; on failure
 * the outputs must be untouched. */
static int parse(const uint8_t *buf, size_t len, struct mps_opening *ret, size_t *ret_len)
{
    uint8_t *copy = malloc(len ? len : 1);
    struct mps_opening msg, before;
    size_t msg_len = 12345;
    int r;

    assert_non_null(copy);
    memcpy(copy, buf, len);
    memset(&msg, 0x5a, sizeof(msg));
    before = msg;
    r = mps_opening_parse(copy, len, &msg, &msg_len);
    free(copy);
    if (r) {
        assert_memory_equal(&msg, &before, sizeof(msg));
        assert_int_equal(msg_len, 12345);
    } else {
        if (ret)
            *ret = msg;
        if (ret_len)
            *ret_len = msg_len;
    }
    return r;
}

static void round_trip(void **state)
{
    uint64_t rng = 20110101;

    for (int i = 0; i < 3000; i++) {
        struct mps_opening msg = random_message(1 + i % N_KINDS, &rng), got;
        uint8_t buf[MPS_OPENING_MAX_LEN + 7];
        size_t len, got_len;

        memset(buf, 0xee, sizeof(buf));
        len = mps_opening_encode(&msg, buf);
        assert_in_range(len, MPS_OPENING_HEAD_LEN, MPS_OPENING_MAX_LEN);
        assert_int_equal(parse(buf, len, &got, &got_len), 0);
        assert_int_equal(got_len, len);
        assert_same(&msg, &got);
        /* What follows belongs to others. */
        assert_int_equal(parse(buf, len + 7, &got, &got_len), 0);
        assert_int_equal(got_len, len);
        assert_same(&msg, &got);
    }
}

static void every_truncation(void **state)
{
    uint64_t rng = 2;

    for (int kind = 1; kind <= N_KINDS; kind++) {
        struct mps_opening msg = random_message(kind, &rng);
        uint8_t buf[MPS_OPENING_MAX_LEN];
        size_t len = mps_opening_encode(&msg, buf);

        for (size_t cut = 0; cut < len; cut++)
            assert_int_equal(parse(buf, cut, NULL, NULL), MPS_OPENING_MORE);
    }
}

/* A whole buffer behind it, so that a longer length can be judged too. */
static void every_bit_flip(void **state)
{
    uint64_t rng = 3;

    for (int kind = 1; kind <= N_KINDS; kind++) {
        struct mps_opening msg = random_message(kind, &rng);
        uint8_t buf[MPS_OPENING_MAX_LEN] = {0};
        size_t len = mps_opening_encode(&msg, buf);

        for (size_t bit = 0; bit < 8 * len; bit++) {
            int r;

            buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
            r = parse(buf, sizeof(buf), NULL, NULL);
            if (bit < 64)
                assert_int_equal(r, MPS_OPENING_FOREIGN);
            else if (bit / 8 == 10 || bit / 8 == 11)
                assert_true(r == MPS_ECHECK || r == MPS_EPROTO);
            else
                assert_int_equal(r, MPS_ECHECK);
            buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void foreign(void **state)
{
    static const char *const starts[] = {"GET / HTTP/1.1\r\n",
                                         "SSH-2.0-OpenSSH_9\r\n",
                                         "\x16\x03\x01",
                                         "220 mail\r\n",
                                         "\xf5MPS\n",
                                         "\xf5MPS\r\n\x01",
                                         "M",
                                         ""};

    for (size_t i = 0; *starts[i]; i++)
        assert_int_equal(parse((const uint8_t *)starts[i], strlen(starts[i]), NULL, NULL),
                         MPS_OPENING_FOREIGN);
    assert_int_equal(parse((const uint8_t *)"", 0, NULL, NULL), MPS_OPENING_MORE);
    assert_int_equal(mps_opening_parse(NULL, 0, NULL, NULL), MPS_OPENING_MORE);
}

static void lengths(void **state)
{
    struct mps_opening msg = {.kind = MPS_OPENING_REFUSE, .reason = 3}, got;
    uint8_t buf[MPS_OPENING_MAX_LEN + 1] = {0};
    size_t len = mps_opening_encode(&msg, buf);

    for (unsigned total = 0; total < 0x10000; total++) {
        buf[10] = (uint8_t)(total >> 8);
        buf[11] = (uint8_t)total;
        if (total < MPS_OPENING_HEAD_LEN || total > MPS_OPENING_MAX_LEN)
            assert_int_equal(parse(buf, MPS_OPENING_HEAD_LEN, NULL, NULL), MPS_EPROTO);
        else if (total > MPS_OPENING_HEAD_LEN)
            assert_int_equal(parse(buf, MPS_OPENING_HEAD_LEN, NULL, NULL), MPS_OPENING_MORE);
    }
    /* Up to the limit with an unknown option of any length. */
    buf[len] = 200;
    buf[len + 1] = 0;
    buf[len + 2] = (uint8_t)((MPS_OPENING_MAX_LEN - len - 4) >> 8);
    buf[len + 3] = (uint8_t)(MPS_OPENING_MAX_LEN - len - 4);
    seal(buf, MPS_OPENING_MAX_LEN);
    assert_int_equal(parse(buf, MPS_OPENING_MAX_LEN, &got, &len), 0);
    assert_int_equal(len, MPS_OPENING_MAX_LEN);
    assert_same(&msg, &got);
}

static void version_and_kind(void **state)
{
    uint64_t rng = 5;

    for (int kind = 1; kind <= N_KINDS; kind++) {
        struct mps_opening msg = random_message(kind, &rng);
        uint8_t buf[MPS_OPENING_MAX_LEN];
        size_t len = mps_opening_encode(&msg, buf);

        for (unsigned version = 0; version < 256; version++) {
            buf[8] = (uint8_t)version;
            seal(buf, len);
            assert_int_equal(parse(buf, len, NULL, NULL),
                             version == MPS_VERSION ? 0 : MPS_EVERSION);
        }
        buf[8] = MPS_VERSION;
        for (unsigned other = 0; other < 256; other++) {
            int r;

            buf[9] = (uint8_t)other;
            seal(buf, len);
            r = parse(buf, len, NULL, NULL);
            if ((int)other == kind)
                assert_int_equal(r, 0);
            else
                assert_int_equal(r, MPS_EPROTO);
        }
    }
}

/* Remove, repeat and resize each option of each kind. */
static void options_of_ours(void **state)
{
    uint64_t rng = 6;

    for (int kind = 1; kind <= N_KINDS; kind++) {
        struct mps_opening msg = random_message(kind, &rng);
        uint8_t buf[MPS_OPENING_MAX_LEN], bad[MPS_OPENING_MAX_LEN];
        size_t len = mps_opening_encode(&msg, buf), opt_len;

        for (size_t at = MPS_OPENING_HEAD_LEN; at < len; at += opt_len) {
            bool identity = buf[at] == 17, algs = buf[at] == 18;

            opt_len = 4u + buf[at + 3];

            memcpy(bad, buf, at); /* missing */
            memcpy(bad + at, buf + at + opt_len, len - at - opt_len);
            seal(bad, len - opt_len);
            assert_int_equal(parse(bad, len - opt_len, NULL, NULL), identity ? 0 : MPS_EPROTO);

            memcpy(bad, buf, len); /* twice */
            memcpy(bad + len, buf + at, opt_len);
            seal(bad, len + opt_len);
            assert_int_equal(parse(bad, len + opt_len, NULL, NULL), MPS_EPROTO);

            memcpy(bad, buf, at + opt_len); /* one byte longer */
            bad[at + 3] += !identity && !(algs && kind == MPS_OPENING_HELLO) ? 1 : 0;
            if (bad[at + 3] == buf[at + 3])
                bad[at + 2] = 1; /* than it may ever be */
            bad[at + opt_len] = 0;
            memcpy(bad + at + opt_len + 1, buf + at + opt_len, len - at - opt_len);
            seal(bad, len + 1);
            assert_int_equal(parse(bad, len + 1, NULL, NULL), MPS_EPROTO);

            memcpy(bad, buf, len); /* of type 0, and critical, which changes nothing if known */
            bad[at + 1] = 0x80;
            seal(bad, len);
            assert_int_equal(parse(bad, len, NULL, NULL), 0);
            bad[at] = 0;
            seal(bad, len);
            assert_int_equal(parse(bad, len, NULL, NULL), MPS_EPROTO);
        }
        for (size_t cut = MPS_OPENING_HEAD_LEN; cut < len; cut++) { /* beyond the end */
            memcpy(bad, buf, cut);
            seal(bad, cut);
            assert_int_equal(parse(bad, cut, NULL, NULL), MPS_EPROTO);
        }
    }
}

static void unknown_options(void **state)
{
    uint64_t rng = 7;

    for (int kind = 1; kind <= N_KINDS; kind++) {
        struct mps_opening msg = random_message(kind, &rng), got;
        uint8_t buf[MPS_OPENING_MAX_LEN];
        size_t len = mps_opening_encode(&msg, buf);

        for (unsigned type = 11; type < 256; type = type == 15 ? 19 : type + 1) {
            uint8_t with[MPS_OPENING_MAX_LEN];
            const uint8_t option[] = {(uint8_t)type, 0x7f, 0, 3, 'a', 'b', 'c'};

            /* In front and twice behind: an unknown option may repeat. */
            memcpy(with, buf, MPS_OPENING_HEAD_LEN);
            memcpy(with + MPS_OPENING_HEAD_LEN, option, sizeof(option));
            memcpy(with + MPS_OPENING_HEAD_LEN + sizeof(option), buf + MPS_OPENING_HEAD_LEN,
                   len - MPS_OPENING_HEAD_LEN);
            memcpy(with + len + sizeof(option), option, sizeof(option));
            seal(with, len + 2 * sizeof(option));
            assert_int_equal(parse(with, len + 2 * sizeof(option), &got, NULL), 0);
            assert_same(&msg, &got);

            with[MPS_OPENING_HEAD_LEN + 1] = 0x80;
            seal(with, len + 2 * sizeof(option));
            assert_int_equal(parse(with, len + 2 * sizeof(option), NULL, NULL), MPS_EVERSION);
        }
    }
}

/* A HELLO or HELLO_REPLY with these bytes in HMAC_ALGS, its last option. */
static int parse_algs(enum mps_opening_kind kind, const uint8_t *algs, unsigned n,
                      struct mps_opening *ret)
{
    uint64_t rng = 8;
    struct mps_opening msg = random_message(kind, &rng);
    uint8_t buf[MPS_OPENING_MAX_LEN];
    size_t len;

    msg.hello.n_algs = 1;
    len = mps_opening_encode(&msg, buf) - 1;
    assert_int_equal(buf[len - 4], 18);
    if (n > 0)
        memcpy(buf + len, algs, n);
    buf[len - 1] = (uint8_t)n;
    seal(buf, len + n);
    return parse(buf, len + n, ret, NULL);
}

static void hashes(void **state)
{
    struct mps_opening got;

    assert_int_equal(parse_algs(MPS_OPENING_HELLO, (uint8_t[]){9, 1, 200, 2}, 4, &got), 0);
    assert_int_equal(got.hello.n_algs, 2);
    assert_int_equal(got.hello.algs[0], MPS_SHA1);
    assert_int_equal(got.hello.algs[1], MPS_SHA256);
    assert_int_equal(parse_algs(MPS_OPENING_HELLO, (uint8_t[]){2, 2, 1, 1, 2}, 5, &got), 0);
    assert_int_equal(got.hello.n_algs, 2);
    assert_int_equal(got.hello.algs[0], MPS_SHA256);
    assert_int_equal(parse_algs(MPS_OPENING_HELLO, (uint8_t[]){3, 0}, 2, NULL), MPS_EVERSION);
    assert_int_equal(parse_algs(MPS_OPENING_HELLO, NULL, 0, NULL), MPS_EPROTO);
    assert_int_equal(parse_algs(MPS_OPENING_HELLO_REPLY, (uint8_t[]){1}, 1, &got), 0);
    assert_int_equal(parse_algs(MPS_OPENING_HELLO_REPLY, (uint8_t[]){3}, 1, NULL), MPS_EPROTO);
    assert_int_equal(parse_algs(MPS_OPENING_HELLO_REPLY, (uint8_t[]){2, 1}, 2, NULL), MPS_EPROTO);
    assert_int_equal(parse_algs(MPS_OPENING_HELLO_REPLY, (uint8_t[]){2, 3}, 2, NULL), MPS_EPROTO);
}

/* What is left is the message with zeros in place of CRC and HMAC, wherever that is. */
static void unsign(void **state)
{
    uint64_t rng = 9;

    for (int kind = 1; kind <= N_KINDS; kind++) {
        struct mps_opening msg = random_message(kind, &rng);
        uint8_t buf[MPS_OPENING_MAX_LEN], bare[MPS_OPENING_MAX_LEN];
        size_t len = mps_opening_encode(&msg, buf);

        if (kind == MPS_OPENING_HELLO_REPLY)
            memset(msg.hello.hmac, 0, MPS_HMAC_LEN);
        else if (kind != MPS_OPENING_HELLO && kind != MPS_OPENING_REFUSE)
            memset(msg.join.hmac, 0, MPS_HMAC_LEN);
        assert_int_equal(mps_opening_encode(&msg, bare), len);
        memset(bare + 12, 0, 4);
        mps_opening_unsign(buf, len);
        assert_memory_equal(buf, bare, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),      cmocka_unit_test(every_truncation),
        cmocka_unit_test(every_bit_flip),  cmocka_unit_test(foreign),
        cmocka_unit_test(lengths),         cmocka_unit_test(version_and_kind),
        cmocka_unit_test(options_of_ours), cmocka_unit_test(unknown_options),
        cmocka_unit_test(hashes),          cmocka_unit_test(unsign),
    };

    return cmocka_run_group_tests_name("opening", tests, NULL, NULL);
}
