/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "crypto.h"
#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "core/wire/frame.h"

/* Every row of frame_list.h, with random values in its fields. */
#define TYPE(name, number, member, space, flags, fields) MPS_FRAME_##name,

static const enum mps_frame_type ctrl_types[] = {MPS_CTRL_FRAMES(TYPE, MPS_CTRL_NOTHING)};

#define N_CTRL (sizeof(ctrl_types) / sizeof(*ctrl_types))

static void random_bytes(uint8_t *out, size_t len, uint64_t *rng)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(test_random(rng) >> 56);
}

static void random_addr(struct mps_addr *addr, uint64_t *rng)
{
    addr->family = test_random(rng) >> 63 ? MPS_AF_INET : MPS_AF_INET6;
    addr->port = (uint16_t)test_random(rng);
    random_bytes(addr->ip, addr->family == MPS_AF_INET ? 4 : 16, rng);
}

#define FILL_U8(at)                    at = (uint8_t)test_random(rng);
#define FILL_U32(at)                   at = (uint32_t)test_random(rng);
#define FILL_U64(at)                   at = test_random(rng);
#define FILL_ADDR(at)                  random_addr(&at, rng);
#define FILL_HMAC(at)                  random_bytes(at, sizeof(at), rng);
#define FILL_FLAGS(at)                 at = (uint8_t)test_random(rng) & mask;
#define FILL_FIELD(kind, member, name) FILL_##kind(c.member.name)
#define ORDERED                        c.csn
#define OUTSIDE                        0
#define UNNUMBERED                     0
#define FILL(name, number, member, space, flags, fields)                                           \
    case MPS_FRAME_##name: {                                                                       \
        const uint8_t mask = flags;                                                                \
                                                                                                   \
        (void)mask;                                                                                \
        c.csn = space;                                                                             \
        fields break;                                                                              \
    }

static struct mps_ctrl random_ctrl(enum mps_frame_type type, uint64_t *rng)
{
    struct mps_ctrl c;

    memset(&c, 0, sizeof(c)); /* compared as bytes */
    c.type = type;
    c.csn = (uint32_t)test_random(rng);
    switch (type) {
        MPS_CTRL_FRAMES(FILL, FILL_FIELD)
    default:
        break;
    }
    return c;
}

static struct mps_dss random_dss(uint64_t *rng)
{
    struct mps_dss d;

    memset(&d, 0, sizeof(d)); /* compared as bytes */
    d.flags = (uint8_t)(test_random(rng) >> 60);
    d.payload_len = (uint32_t)(test_random(rng) % (MPS_DSS_MAX_PAYLOAD + 1));
    d.checked = d.payload_len > 0 && test_random(rng) >> 63;
    d.dsn = test_random(rng) >> 1;
    d.data_ack = test_random(rng);
    d.credit = test_random(rng);
    d.ctrl_ack = (uint32_t)test_random(rng);
    d.timestamp_us = (uint32_t)test_random(rng);
    return d;
}

/* As in test_opening.c: a tight copy, and outputs that failure must not touch. */
static int parse(const uint8_t *buf, size_t len, struct mps_frame *ret, size_t *ret_head,
                 size_t *ret_need)
{
    uint8_t *copy = malloc(len ? len : 1);
    struct mps_frame frame, before;
    size_t head = 12345, need = 54321;
    int r;

    assert_non_null(copy);
    memcpy(copy, buf, len);
    memset(&frame, 0x5a, sizeof(frame));
    before = frame;
    r = mps_frame_parse_head(copy, len, &frame, &head, &need);
    free(copy);
    if (r == 0) {
        if (ret)
            *ret = frame;
        if (ret_head)
            *ret_head = head;
    } else {
        assert_memory_equal(&frame, &before, sizeof(frame));
        assert_int_equal(head, 12345);
    }
    if (r == MPS_FRAME_MORE) {
        assert_in_range(need, len + 1, MPS_FRAME_HEAD_MAX);
        if (ret_need)
            *ret_need = need;
    }
    return r;
}

/* The CRC; head_len is without the MAC. */
static void seal(uint8_t *buf, size_t head_len)
{
    uint32_t crc;

    memset(buf + 4, 0, 4);
    crc = mps_crc32c(0, buf, head_len);
    for (unsigned i = 0; i < 4; i++)
        buf[4 + i] = (uint8_t)(crc >> (24 - 8 * i));
}

static void dss_round_trip(void **state)
{
    uint64_t rng = 11;

    for (int i = 0; i < 4000; i++) {
        struct mps_dss d = random_dss(&rng);
        uint8_t buf[MPS_DSS_HEAD_LEN + 5] = {0};
        struct mps_frame f;
        size_t head;

        if (i % 7 == 0)
            d.payload_len = i % 3 ? 0 : MPS_DSS_MAX_PAYLOAD;
        d.checked &= d.payload_len > 0;
        mps_dss_encode_head(&d, buf);
        assert_int_equal(buf[0], d.checked ? MPS_FRAME_DSS_CHECKED : MPS_FRAME_DSS);
        assert_int_equal(parse(buf, sizeof(buf), &f, &head, NULL), 0);
        assert_int_equal(f.type, MPS_FRAME_DSS);
        assert_int_equal(head, MPS_DSS_HEAD_LEN);
        assert_false(f.skip);
        assert_memory_equal(&f.dss, &d, sizeof(d));
        assert_int_equal(f.tail_len, d.payload_len + (d.checked ? MPS_MAC_LEN : 0));
    }
}

static void ctrl_round_trip(void **state)
{
    uint64_t rng = 12;

    for (unsigned i = 0; i < 4000; i++) {
        struct mps_ctrl c = random_ctrl(ctrl_types[i % N_CTRL], &rng);
        uint8_t buf[MPS_CTRL_MAX_LEN] = {0};
        struct mps_frame f;
        size_t head, len = mps_ctrl_encode(&c, buf) + MPS_MAC_LEN;

        assert_in_range(len, MPS_FRAME_PREFIX_LEN + 5 + MPS_MAC_LEN, MPS_CTRL_MAX_LEN);
        assert_int_equal(parse(buf, sizeof(buf), &f, &head, NULL), 0);
        assert_int_equal(f.type, c.type);
        assert_int_equal(head, len);
        assert_int_equal(f.tail_len, 0);
        assert_false(f.skip);
        assert_memory_equal(&f.ctrl, &c, sizeof(c));
    }
}

/* One head of each kind: the control frames, DSS, an optional extension. */
static size_t sample(unsigned i, uint8_t *buf, uint64_t *rng)
{
    if (i < N_CTRL) {
        struct mps_ctrl c = random_ctrl(ctrl_types[i], rng);

        return mps_ctrl_encode(&c, buf) + MPS_MAC_LEN;
    }
    if (i == N_CTRL) {
        struct mps_dss d = random_dss(rng);

        mps_dss_encode_head(&d, buf);
        return MPS_DSS_HEAD_LEN;
    }
    memcpy(buf, (uint8_t[]){0x80 + 0x29, 1, 0x12, 0x34}, 4);
    seal(buf, MPS_FRAME_PREFIX_LEN);
    return MPS_PADDING_HEAD_LEN;
}

#define N_SAMPLES (N_CTRL + 2)

static void every_truncation(void **state)
{
    uint64_t rng = 13;

    for (unsigned i = 0; i < N_SAMPLES; i++) {
        uint8_t buf[MPS_FRAME_HEAD_MAX] = {0};
        size_t len = sample(i, buf, &rng), need;

        for (size_t cut = 0; cut < len; cut++) {
            assert_int_equal(parse(buf, cut, NULL, NULL, &need), MPS_FRAME_MORE);
            assert_int_equal(need, cut < MPS_FRAME_PREFIX_LEN ? MPS_FRAME_PREFIX_LEN : len);
        }
        assert_int_equal(parse(buf, len, NULL, NULL, NULL), 0);
    }
}

static void every_bit_flip(void **state)
{
    uint64_t rng = 14;

    for (unsigned i = 0; i < N_SAMPLES; i++) {
        uint8_t buf[MPS_FRAME_HEAD_MAX] = {0};
        size_t len = sample(i, buf, &rng);

        for (size_t bit = 0; bit < 8 * len; bit++) {
            int r;

            buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
            r = parse(buf, sizeof(buf), NULL, NULL, NULL);
            /* Type and length decide what the CRC covers; the MAC is looked at elsewhere. */
            if (bit / 8 >= len - MPS_MAC_LEN)
                assert_int_equal(r, 0);
            else if (bit / 8 == 0 || bit / 8 == 2 || bit / 8 == 3)
                assert_true(r == MPS_ECHECK || r == MPS_EPROTO);
            else
                assert_int_equal(r, MPS_ECHECK);
            buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void unknown_types(void **state)
{
    for (unsigned type = 0; type < 256; type++) {
        uint8_t buf[MPS_PADDING_HEAD_LEN] = {(uint8_t)type, 0xff, 0xff, 0xff};
        struct mps_frame f;
        size_t head;

        if (type >= 1 && type <= 11)
            continue;
        seal(buf, MPS_FRAME_PREFIX_LEN);
        if (type < 0x80) {
            assert_int_equal(parse(buf, sizeof(buf), NULL, NULL, NULL), MPS_EPROTO);
            continue;
        }
        assert_int_equal(parse(buf, sizeof(buf), &f, &head, NULL), 0);
        assert_true(f.skip);
        assert_int_equal(f.type, type);
        assert_int_equal(f.tail_len, 0xffff - MPS_MAC_LEN);
        assert_int_equal(head, MPS_PADDING_HEAD_LEN);
    }
}

/* Every length field, with a CRC that is right for it. */
static void ctrl_lengths(void **state)
{
    uint64_t rng = 15;

    for (unsigned i = 0; i < N_CTRL; i++) {
        uint8_t buf[MPS_FRAME_HEAD_MAX] = {0};
        size_t right = sample(i, buf, &rng) - MPS_FRAME_PREFIX_LEN;

        for (unsigned len = 0; len < 0x10000; len++) {
            bool other_family = ctrl_types[i] == MPS_FRAME_ADD_ADDR && (len == 28 || len == 40);

            buf[2] = (uint8_t)(len >> 8);
            buf[3] = (uint8_t)len;
            if (len >= MPS_MAC_LEN && len <= sizeof(buf) - MPS_FRAME_PREFIX_LEN)
                seal(buf, MPS_FRAME_PREFIX_LEN + len - MPS_MAC_LEN);
            if (len == right)
                assert_int_equal(parse(buf, sizeof(buf), NULL, NULL, NULL), 0);
            else if (!other_family || len <= sizeof(buf) - MPS_FRAME_PREFIX_LEN)
                assert_int_equal(parse(buf, sizeof(buf), NULL, NULL, NULL), MPS_EPROTO);
        }
    }
}

static int parse_dss_of_len(unsigned len, bool checked, struct mps_frame *ret)
{
    uint8_t type = checked ? MPS_FRAME_DSS_CHECKED : MPS_FRAME_DSS;
    uint8_t buf[MPS_DSS_HEAD_LEN] = {type, 0, (uint8_t)(len >> 8), (uint8_t)len};

    seal(buf, MPS_DSS_OPEN_LEN);
    return parse(buf, sizeof(buf), ret, NULL, NULL);
}

static void dss_lengths(void **state)
{
    for (unsigned len = 0; len < 0x10000; len++) {
        unsigned rest = len - MPS_DSS_FIXED_LEN - MPS_MAC_LEN;
        bool plain_ok = len >= MPS_DSS_FIXED_LEN + MPS_MAC_LEN && rest <= MPS_DSS_MAX_PAYLOAD;
        bool mac_ok = len >= MPS_DSS_FIXED_LEN + MPS_MAC_LEN &&
                      rest <= MPS_DSS_MAX_PAYLOAD + MPS_MAC_LEN && rest > MPS_MAC_LEN;
        struct mps_frame f;

        assert_int_equal(parse_dss_of_len(len, false, &f), plain_ok ? 0 : MPS_EPROTO);
        if (plain_ok)
            assert_int_equal(f.dss.payload_len, rest);
        assert_int_equal(parse_dss_of_len(len, true, &f), mac_ok ? 0 : MPS_EPROTO);
        if (mac_ok)
            assert_int_equal(f.dss.payload_len, rest - MPS_MAC_LEN);
    }
}

static int parse_dsn(uint64_t dsn, uint32_t len, uint8_t flags)
{
    struct mps_dss d = {.dsn = dsn, .payload_len = len, .flags = flags};
    uint8_t buf[MPS_DSS_HEAD_LEN];

    mps_dss_encode_head(&d, buf);
    return parse(buf, sizeof(buf), NULL, NULL, NULL);
}

static void dsn_does_not_wrap(void **state)
{
    assert_int_equal(parse_dsn(UINT64_MAX, 0, 0), 0);
    assert_int_equal(parse_dsn(UINT64_MAX, 0, MPS_DSS_FIN), MPS_EPROTO);
    assert_int_equal(parse_dsn(UINT64_MAX, 1, 0), MPS_EPROTO);
    assert_int_equal(parse_dsn(UINT64_MAX - 100, 100, 0), 0);
    assert_int_equal(parse_dsn(UINT64_MAX - 100, 100, MPS_DSS_FIN), MPS_EPROTO);
    assert_int_equal(parse_dsn(UINT64_MAX - 100, 99, MPS_DSS_FIN), 0);
    assert_int_equal(parse_dsn(UINT64_MAX - 100, 101, 0), MPS_EPROTO);
}

static void odd_fields(void **state)
{
    struct mps_ctrl ping = {.type = MPS_FRAME_PING, .csn = 9, .ping.opaque = 7};
    struct mps_ctrl add = {.type = MPS_FRAME_ADD_ADDR, .add_addr.addr.family = MPS_AF_INET};
    struct mps_frame f;
    uint8_t buf[MPS_CTRL_MAX_LEN];
    size_t len;

    memset(buf, 0, sizeof(buf));
    len = mps_ctrl_encode(&ping, buf); /* outside the control space: written as 0 */
    assert_int_equal(parse(buf, len + MPS_MAC_LEN, &f, NULL, NULL), 0);
    assert_int_equal(f.ctrl.csn, 0);
    buf[11] = 1;
    seal(buf, len);
    assert_int_equal(parse(buf, len + MPS_MAC_LEN, NULL, NULL, NULL), MPS_EPROTO);

    len = mps_ctrl_encode(&add, buf);
    for (unsigned family = 0; family < 256; family++) {
        buf[13] = (uint8_t)family;
        seal(buf, len);
        assert_int_equal(parse(buf, len + MPS_MAC_LEN, NULL, NULL, NULL),
                         family == MPS_AF_INET ? 0 : MPS_EPROTO);
    }
    buf[13] = MPS_AF_INET; /* flags without a meaning are ignored */
    buf[1] = 0xff;
    seal(buf, len);
    assert_int_equal(parse(buf, len + MPS_MAC_LEN, NULL, NULL, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dss_round_trip),   cmocka_unit_test(ctrl_round_trip),
        cmocka_unit_test(every_truncation), cmocka_unit_test(every_bit_flip),
        cmocka_unit_test(unknown_types),    cmocka_unit_test(ctrl_lengths),
        cmocka_unit_test(dss_lengths),      cmocka_unit_test(dsn_does_not_wrap),
        cmocka_unit_test(odd_fields),
    };

    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
