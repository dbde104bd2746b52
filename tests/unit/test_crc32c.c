/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "core/base/crc32c.h"

/* The definition, bit by bit. */
static uint32_t reference(const uint8_t *p, size_t len)
{
    uint32_t crc = 0xffffffffu;

    for (; len; p++, len--) {
        crc ^= *p;
        for (int i = 0; i < 8; i++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static void assert_known(const void *data, size_t len, uint32_t expected)
{
    assert_int_equal(mps_crc32c(0, data, len), expected);
    assert_int_equal(mps_crc32c_portable(0, data, len), expected);
}

/* RFC 3720 appendix B.4. */
static void known_values(void **state)
{
    uint8_t buf[32];

    assert_known("123456789", 9, 0xe3069283u);
    assert_known("", 0, 0);
    memset(buf, 0, sizeof(buf));
    assert_known(buf, sizeof(buf), 0x8a9136aau);
    memset(buf, 0xff, sizeof(buf));
    assert_known(buf, sizeof(buf), 0x62a8ab43u);
    for (unsigned i = 0; i < sizeof(buf); i++)
        buf[i] = (uint8_t)i;
    assert_known(buf, sizeof(buf), 0x46dd794eu);
    for (unsigned i = 0; i < sizeof(buf); i++)
        buf[i] = (uint8_t)(31 - i);
    assert_known(buf, sizeof(buf), 0x113fdb5cu);
}

/* All lengths and alignments around the eight-byte steps, and every byte value in every place. */
static void same_as_definition(void **state)
{
    uint8_t buf[300];

    for (unsigned i = 0; i < sizeof(buf); i++)
        buf[i] = (uint8_t)(i * 167 + (i >> 3));
    for (size_t start = 0; start < 9; start++) {
        for (size_t len = 0; len + start <= sizeof(buf); len++) {
            uint32_t expected = reference(buf + start, len);

            assert_int_equal(mps_crc32c(0, buf + start, len), expected);
            assert_int_equal(mps_crc32c_portable(0, buf + start, len), expected);
        }
    }
    for (unsigned place = 0; place < 8; place++) {
        for (unsigned value = 0; value < 256; value++) {
            uint8_t word[8] = {0};

            word[place] = (uint8_t)value;
            assert_int_equal(mps_crc32c_portable(0, word, 8), reference(word, 8));
        }
    }
}

static void in_pieces(void **state)
{
    uint8_t buf[100];
    uint32_t whole;

    for (unsigned i = 0; i < sizeof(buf); i++)
        buf[i] = (uint8_t)(255 - i);
    whole = reference(buf, sizeof(buf));
    for (size_t cut = 0; cut <= sizeof(buf); cut++) {
        uint32_t crc = mps_crc32c(0, buf, cut);

        assert_int_equal(mps_crc32c(crc, buf + cut, sizeof(buf) - cut), whole);
        assert_int_equal(mps_crc32c_portable(crc, buf + cut, sizeof(buf) - cut), whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(same_as_definition),
        cmocka_unit_test(in_pieces),
    };

    return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
