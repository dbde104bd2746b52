/* SPDX-License-Identifier: MIT */
/*
 * The test vectors of mptcpshim-protocol(7): what the page shows is what the code makes, and the
 * code reads it back. The page's source is the argument; a vector is the hexadecimal text between
 * .EX and .EE behind a comment line `.\" vector NAME`.
 */
#include <ctype.h>
#include "test.h"
#include "crypto.h"
#include "core/wire/auth.h"
#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "core/wire/frame.h"
#include "core/wire/opening.h"

#define VECTOR_MAX 512

static const char *page;
static struct test_crypto crypto;
static uint8_t key_c[MPS_KEY_LEN], key_s[MPS_KEY_LEN];
static uint8_t nonce_c[MPS_NONCE_LEN], nonce_s[MPS_NONCE_LEN];
static unsigned n_checked;

static size_t read_vector(const char *name, uint8_t *out)
{
    char line[256], marker[64];
    bool here = false;
    size_t len = 0;
    FILE *f = fopen(page, "r");

    assert_non_null(f);
    snprintf(marker, sizeof(marker), ".\\\" vector %s\n", name);
    while (fgets(line, sizeof(line), f)) {
        unsigned byte;

        if (!here) {
            here = strcmp(line, marker) == 0;
            continue;
        }
        if (strcmp(line, ".EE\n") == 0)
            break;
        if (line[0] == '.')
            continue;
        for (const char *p = line; *p; p++) {
            if (isspace((unsigned char)*p))
                continue;
            assert_int_equal(sscanf(p, "%2x", &byte), 1);
            assert_true(len < VECTOR_MAX);
            out[len++] = (uint8_t)byte;
            p++;
        }
    }
    fclose(f);
    if (!here)
        fail_msg("the page has no vector %s", name);
    return len;
}

static void assert_vector(const char *name, const uint8_t *made, size_t len)
{
    uint8_t shown[VECTOR_MAX];
    size_t shown_len = read_vector(name, shown);

    if (shown_len != len || memcmp(shown, made, len) != 0) {
        print_message("%s should be\n", name);
        for (size_t i = 0; i < len; i++)
            print_message("%02x%s", made[i], i % 16 == 15 || i + 1 == len ? "\n" : " ");
        fail_msg("the page shows another %s", name);
    }
    n_checked++;
}

static void check_opening(const char *name, const struct mps_opening *msg)
{
    uint8_t buf[MPS_OPENING_MAX_LEN];
    size_t len = mps_opening_encode(msg, buf), got_len = 0;
    struct mps_opening got;

    assert_vector(name, buf, len);
    assert_int_equal(mps_opening_parse(buf, len, &got, &got_len), 0);
    assert_int_equal(got.kind, msg->kind);
    assert_int_equal(got_len, len);
}

static void openings(void **state)
{
    struct mps_opening m = {.kind = MPS_OPENING_HELLO,
                            .hello = {.capabilities = MPS_CAP_PAYLOAD_CRC, .credit = 65536}};

    memcpy(m.hello.key, key_c, MPS_KEY_LEN);
    check_opening("hello", &m);

    m.kind = MPS_OPENING_HELLO_REPLY;
    m.hello.credit = 1048576;
    memcpy(m.hello.key, key_s, MPS_KEY_LEN);
    check_opening("hello-reply", &m);

    m = (struct mps_opening){.kind = MPS_OPENING_JOIN,
                             .join = {.subflow_id = 2, .addr_id = 1, .backup = true}};
    assert_int_equal(mps_auth_token(&crypto.crypto, key_s, &m.join.token), 0);
    memcpy(m.join.nonce, nonce_c, MPS_NONCE_LEN);
    check_opening("join", &m);

    m = (struct mps_opening){.kind = MPS_OPENING_JOIN_REPLY};
    memcpy(m.join.nonce, nonce_s, MPS_NONCE_LEN);
    assert_int_equal(mps_auth_join(&crypto.crypto, key_s, key_c, nonce_s, nonce_c, m.join.hmac), 0);
    check_opening("join-reply", &m);

    m = (struct mps_opening){.kind = MPS_OPENING_JOIN_CONFIRM};
    assert_int_equal(mps_auth_join(&crypto.crypto, key_c, key_s, nonce_c, nonce_s, m.join.hmac), 0);
    check_opening("join-confirm", &m);

    m = (struct mps_opening){.kind = MPS_OPENING_REFUSE, .reason = MPS_REASON_UNKNOWN_TOKEN};
    check_opening("refuse", &m);
}

static void check_dss(const char *name, const struct mps_dss *dss, const char *payload)
{
    uint8_t buf[VECTOR_MAX];
    struct mps_frame got;
    size_t len = MPS_DSS_HEAD_LEN, head, need;

    mps_dss_encode_head(dss, buf);
    memcpy(buf + len, payload, dss->payload_len);
    len += dss->payload_len;
    if (dss->checked) {
        uint32_t sum = mps_crc32c(0, payload, dss->payload_len);

        for (unsigned i = 0; i < 4; i++)
            buf[len++] = (uint8_t)(sum >> (24 - 8 * i));
    }
    assert_vector(name, buf, len);
    assert_int_equal(mps_frame_parse_head(buf, len, &got, &head, &need), 0);
    assert_int_equal(head + got.tail_len, len);
    assert_int_equal(got.dss.dsn, dss->dsn);
}

static void data(void **state)
{
    struct mps_dss d = {.flags = MPS_DSS_ACK_NOW,
                        .payload_len = 9,
                        .dsn = 4096,
                        .data_ack = 512,
                        .credit = 262144,
                        .ctrl_ack = 3,
                        .timestamp_us = 1000000};

    check_dss("dss", &d, "multipath");
    d.checked = true;
    check_dss("dss-crc", &d, "multipath");
    d.checked = false;
    d.flags = MPS_DSS_URGENT;
    check_dss("dss-urgent", &d, "multipath");
    d.flags = MPS_DSS_FIN;
    d.dsn = 4105;
    d.payload_len = 0;
    check_dss("dss-fin", &d, "");
}

static void check_ctrl(const char *name, const struct mps_ctrl *ctrl)
{
    uint8_t buf[MPS_CTRL_MAX_LEN];
    size_t len = mps_ctrl_encode(ctrl, buf), head, need;
    struct mps_frame got;

    assert_vector(name, buf, len);
    assert_int_equal(mps_frame_parse_head(buf, len, &got, &head, &need), 0);
    assert_int_equal(got.type, ctrl->type);
    assert_int_equal(got.ctrl.csn, ctrl->csn);
}

static void addresses(void **state)
{
    struct mps_ctrl c = {.type = MPS_FRAME_ADD_ADDR, .csn = 0};

    c.add_addr.id = 1;
    c.add_addr.addr = (struct mps_addr){.family = MPS_AF_INET, .port = 8080, .ip = {192, 0, 2, 1}};
    assert_int_equal(
        mps_auth_add_addr(&crypto.crypto, key_s, key_c, 1, &c.add_addr.addr, c.add_addr.hmac), 0);
    check_ctrl("add-addr-4", &c);

    c.csn = 1;
    c.add_addr.id = 2;
    c.add_addr.addr =
        (struct mps_addr){.family = MPS_AF_INET6, .ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
    assert_int_equal(
        mps_auth_add_addr(&crypto.crypto, key_s, key_c, 2, &c.add_addr.addr, c.add_addr.hmac), 0);
    check_ctrl("add-addr-6", &c);

    c = (struct mps_ctrl){.type = MPS_FRAME_REMOVE_ADDR, .csn = 2, .remove_addr.id = 1};
    check_ctrl("remove-addr", &c);
}

static void subflow_control(void **state)
{
    struct mps_ctrl c = {
        .type = MPS_FRAME_PRIO, .csn = 3, .prio = {.subflow_id = 2, .flags = MPS_PRIO_BACKUP}};

    check_ctrl("prio", &c);
    c = (struct mps_ctrl){.type = MPS_FRAME_FAIL, .csn = 4, .fail = {.subflow_id = 2, .dsn = 4096}};
    check_ctrl("fail", &c);
    c = (struct mps_ctrl){.type = MPS_FRAME_FASTCLOSE, .csn = 5};
    assert_int_equal(mps_auth_fastclose(&crypto.crypto, key_c, key_s, 0, c.fastclose.hmac), 0);
    check_ctrl("fastclose", &c);
    c = (struct mps_ctrl){.type = MPS_FRAME_SUBFLOW_CLOSE,
                          .csn = 6,
                          .subflow_close = {.subflow_id = 2,
                                            .flags = MPS_CLOSE_TRANSIENT,
                                            .reason = MPS_REASON_BAD_PERFORMANCE}};
    check_ctrl("subflow-close", &c);
    c = (struct mps_ctrl){.type = MPS_FRAME_PING, .ping.opaque = 0xcafef00d};
    check_ctrl("ping", &c);
    c.type = MPS_FRAME_PONG;
    check_ctrl("pong", &c);
}

static void optional_extension(void **state)
{
    uint8_t buf[] = {0x80, 0, 0, 7, 0, 0, 0, 0, 's', 'k', 'i', 'p', ' ', 'm', 'e'};
    uint32_t sum = mps_crc32c(0, buf, MPS_FRAME_PREFIX_LEN);
    struct mps_frame got;
    size_t head, need;

    for (unsigned i = 0; i < 4; i++)
        buf[4 + i] = (uint8_t)(sum >> (24 - 8 * i));
    assert_vector("optional", buf, sizeof(buf));
    assert_int_equal(mps_frame_parse_head(buf, sizeof(buf), &got, &head, &need), 0);
    assert_true(got.skip);
    assert_int_equal(head + got.tail_len, sizeof(buf));
}

/* A vector on the page that no test above looked at would go stale unseen. */
static void none_left_out(void **state)
{
    char line[256];
    unsigned n = 0;
    FILE *f = fopen(page, "r");

    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        n += strncmp(line, ".\\\" vector ", 11) == 0;
    fclose(f);
    assert_int_equal(n, n_checked);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openings),           cmocka_unit_test(data),
        cmocka_unit_test(addresses),          cmocka_unit_test(subflow_control),
        cmocka_unit_test(optional_extension), cmocka_unit_test(none_left_out),
    };

    if (argc != 2) {
        fprintf(stderr, "usage: %s mptcpshim-protocol.7\n", argv[0]);
        return 2;
    }
    page = argv[1];
    test_crypto_init(&crypto, 1);
    for (unsigned i = 0; i < MPS_KEY_LEN; i++) {
        key_c[i] = (uint8_t)(0x01 + i);
        key_s[i] = (uint8_t)(0x11 + i);
    }
    for (unsigned i = 0; i < MPS_NONCE_LEN; i++) {
        nonce_c[i] = (uint8_t)(0xa0 + i);
        nonce_s[i] = (uint8_t)(0xb0 + i);
    }
    return cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
}
