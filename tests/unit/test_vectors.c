/* SPDX-License-Identifier: MIT */
/*
 * The test vectors of mptcpshim-protocol(7): what the page shows is what the code makes, and the
 * code reads it back. The page's source is the argument; a vector is the hexadecimal text between
 * .EX and .EE behind a comment line `.\" vector NAME`. tests/unit/vectors.py made them.
 */
#include <ctype.h>
#include <openssl/evp.h>
#include "test.h"
#include "crypto.h"
#include "core/base/crc32c.h"
#include "core/base/err.h"
#include "core/wire/auth.h"
#include "core/wire/frame.h"
#include "core/wire/opening.h"
#include "core/wire/seal.h"

#define VECTOR_MAX 512

static const char *page;
static struct test_crypto crypto;
static uint8_t key_c[MPS_KEY_LEN], key_s[MPS_KEY_LEN];
static uint8_t nonce_c[MPS_NONCE_LEN], nonce_s[MPS_NONCE_LEN];
static uint8_t share_c[MPS_SHARE_LEN], share_s[MPS_SHARE_LEN], agreed[MPS_SHARE_LEN];
static struct mps_psk psk = {.identity = "alice", .identity_len = 5, .key_len = 32};
static struct mps_seal by_client, by_server; /* of the first subflow, behind FINISHED */
static unsigned n_checked;

static size_t read_vector(const char *name, uint8_t *out)
{
    char line[256], marker[128];
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

static void assert_vector(const char *prefix, const char *rest, const void *data, size_t len)
{
    const uint8_t *made = data;
    uint8_t shown[VECTOR_MAX];
    char name[64];
    size_t shown_len;

    snprintf(name, sizeof(name), "%s%s", prefix, rest);
    shown_len = read_vector(name, shown);
    if (shown_len != len || memcmp(shown, made, len) != 0) {
        print_message("%s should be\n", name);
        for (size_t i = 0; i < len; i++)
            print_message("%02x%s", made[i], i % 16 == 15 || i + 1 == len ? "\n" : " ");
        fail_msg("the page shows another %s", name);
    }
    n_checked++;
}

/* ---- opening messages and keys ---- */

static struct mps_message check_opening(const char *prefix, const char *name,
                                        const struct mps_opening *msg, struct mps_opening *got)
{
    uint8_t buf[MPS_OPENING_MAX_LEN];
    size_t len = mps_opening_encode(msg, buf), got_len = 0;

    assert_vector(prefix, name, buf, len);
    assert_int_equal(mps_opening_parse(buf, len, got, &got_len), 0);
    assert_int_equal(got->kind, msg->kind);
    assert_int_equal(got_len, len);
    return (struct mps_message){got->bytes, got->len};
}

struct opened {
    struct mps_opening hello, reply;
    struct mps_secrets secrets;
    uint8_t early[MPS_MAC_KEY_LEN];
};

static struct mps_opening first_message(enum mps_opening_kind kind, const enum mps_hash *algs,
                                        unsigned n)
{
    bool hello = kind == MPS_OPENING_HELLO;
    struct mps_opening m = {.kind = kind,
                            .hello = {.capabilities = MPS_CAP_PAYLOAD_MAC,
                                      .credit = hello ? 65536 : 1048576,
                                      .n_algs = n}};

    memcpy(m.hello.key, hello ? key_c : key_s, MPS_KEY_LEN);
    memcpy(m.hello.share, hello ? share_c : share_s, MPS_SHARE_LEN);
    memcpy(m.hello.algs, algs, n * sizeof(*algs));
    return m;
}

/* HELLO and its answer, and what follows from both. */
static void check_greeting(const char *prefix, const enum mps_hash *algs, unsigned n,
                           const struct mps_psk *key, struct opened *o)
{
    struct mps_opening m = first_message(MPS_OPENING_HELLO, algs, n);
    struct mps_ingredients from = {
        .alg = algs[0], .psk = key, .agreed = agreed, .key_c = key_c, .key_s = key_s};
    uint8_t unsigned_reply[MPS_OPENING_MAX_LEN];

    if (key) {
        memcpy(m.hello.identity, key->identity, key->identity_len);
        m.hello.identity_len = key->identity_len;
    }
    from.hello = check_opening(prefix, "hello", &m, &o->hello);
    assert_int_equal(mps_auth_early(&crypto.crypto, key, key_c, from.hello, o->early), 0);
    m = first_message(MPS_OPENING_HELLO_REPLY, algs, 1);
    from.reply.p = unsigned_reply;
    from.reply.len = mps_opening_encode(&m, unsigned_reply);
    assert_int_equal(mps_auth_secrets(&crypto.crypto, &from, &o->secrets), 0);
    assert_vector(prefix, "main", o->secrets.main, mps_hash_len(algs[0]));
    assert_int_equal(mps_auth_reply(&crypto.crypto, &o->secrets, m.hello.hmac), 0);
    from.reply = check_opening(prefix, "hello-reply", &m, &o->reply);
    /* The client makes the same of the message that has come. */
    assert_int_equal(mps_auth_secrets(&crypto.crypto, &from, &o->secrets), 0);
    assert_vector(prefix, "main", o->secrets.main, mps_hash_len(algs[0]));
    n_checked--;
}

static void key_of(const struct opened *o, uint32_t id, enum mps_side side, struct mps_seal *ret)
{
    struct mps_nonces nonces = {0};
    uint8_t key[MPS_MAC_KEY_LEN];

    if (id != 0)
        nonces = (struct mps_nonces){nonce_c, nonce_s};
    assert_int_equal(mps_auth_frames(&crypto.crypto, &o->secrets, id, side, nonces, key), 0);
    mps_seal_init(ret, key);
}

static void check_finished(const char *prefix, const struct opened *o)
{
    uint8_t buf[MPS_CTRL_MAX_LEN], padding[MPS_PADDING_HEAD_LEN], early[MPS_SHA256_LEN];
    struct mps_ctrl c = {.type = MPS_FRAME_FINISHED};
    struct mps_seal seal;
    size_t len;

    mps_seal_init(&seal, o->early);
    mps_padding_encode_head(0, padding);
    assert_int_equal(mps_seal_head(&crypto.crypto, &seal, 0, padding, MPS_FRAME_PREFIX_LEN), 0);
    if (*prefix == '\0')
        assert_vector(prefix, "padding", padding, sizeof(padding));
    assert_int_equal(crypto.crypto.hash(&crypto, MPS_SHA256, padding, sizeof(padding), early), 0);
    assert_int_equal(mps_auth_finished(&crypto.crypto, &o->secrets, early, c.finished.hmac), 0);
    key_of(o, 0, MPS_SIDE_CLIENT, &seal);
    len = mps_ctrl_encode(&c, buf);
    assert_int_equal(mps_seal_head(&crypto.crypto, &seal, 0, buf, len), 0);
    assert_vector(prefix, "finished", buf, len + MPS_MAC_LEN);
}

/* JOIN, and the HMACs of both sides. */
static void check_join(const char *prefix, const struct opened *o)
{
    struct mps_opening join = {.kind = MPS_OPENING_JOIN,
                               .join = {.subflow_id = 2, .addr_id = 1, .backup = true}};
    struct mps_opening reply = {.kind = MPS_OPENING_JOIN_REPLY};
    struct mps_opening confirm = {.kind = MPS_OPENING_JOIN_CONFIRM}, got;
    uint8_t a[MPS_OPENING_MAX_LEN], b[MPS_OPENING_MAX_LEN], hmac[2][MPS_HMAC_LEN];
    struct mps_message first = {a, 0}, answer = {b, 0};

    assert_int_equal(mps_auth_token(&crypto.crypto, key_s, &join.join.token), 0);
    memcpy(join.join.nonce, nonce_c, MPS_NONCE_LEN);
    memcpy(reply.join.nonce, nonce_s, MPS_NONCE_LEN);
    first.len = mps_opening_encode(&join, a);
    answer.len = mps_opening_encode(&reply, b);
    assert_int_equal(first.len, MPS_JOIN_LEN);
    assert_int_equal(mps_auth_join(&crypto.crypto, &o->secrets, first, answer, hmac), 0);
    memcpy(reply.join.hmac, hmac[MPS_SIDE_SERVER], MPS_HMAC_LEN);
    answer = check_opening(prefix, "join-reply", &reply, &got);
    if (*prefix != '\0')
        return;
    memcpy(confirm.join.hmac, hmac[MPS_SIDE_CLIENT], MPS_HMAC_LEN);
    check_opening(prefix, "join", &join, &got);
    check_opening(prefix, "join-confirm", &confirm, &got);
}

static void openings(void **state)
{
    static const enum mps_hash both[] = {MPS_SHA256, MPS_SHA1}, sha1[] = {MPS_SHA1};
    struct mps_opening m = {.kind = MPS_OPENING_REFUSE, .reason = MPS_REASON_UNKNOWN_TOKEN}, got;
    struct mps_seal seal;
    struct opened o;

    check_greeting("psk-", both, 2, &psk, &o);
    assert_vector("psk-", "k-early", o.early, MPS_MAC_KEY_LEN);
    check_finished("psk-", &o);
    check_greeting("sha1-", sha1, 1, NULL, &o);
    check_finished("sha1-", &o);
    check_join("sha1-", &o);

    check_greeting("", both, 2, NULL, &o);
    check_finished("", &o);
    check_join("", &o);
    assert_vector("", "k-early", o.early, MPS_MAC_KEY_LEN);
    assert_vector("", "transcript", o.secrets.transcript, MPS_SHA256_LEN);
    assert_vector("", "auth-c", o.secrets.auth[MPS_SIDE_CLIENT], MPS_HMAC_LEN);
    assert_vector("", "auth-s", o.secrets.auth[MPS_SIDE_SERVER], MPS_HMAC_LEN);
    key_of(&o, 2, MPS_SIDE_CLIENT, &seal);
    assert_vector("", "k-2-1", seal.key, MPS_MAC_KEY_LEN);
    key_of(&o, 2, MPS_SIDE_SERVER, &seal);
    assert_vector("", "k-2-2", seal.key, MPS_MAC_KEY_LEN);
    key_of(&o, 0, MPS_SIDE_CLIENT, &by_client);
    assert_vector("", "k-0-1", by_client.key, MPS_MAC_KEY_LEN);
    key_of(&o, 0, MPS_SIDE_SERVER, &by_server);
    assert_vector("", "k-0-2", by_server.key, MPS_MAC_KEY_LEN);
    check_opening("", "refuse", &m, &got);
}

/* ---- frames ---- */

static void check_dss(const char *name, uint64_t number, const struct mps_dss *dss,
                      const char *payload)
{
    const struct mps_span span = {(uint8_t *)payload, dss->payload_len};
    uint8_t buf[VECTOR_MAX];
    struct mps_frame got;
    size_t len = MPS_DSS_HEAD_LEN, head, need;

    mps_dss_encode_head(dss, buf);
    assert_int_equal(mps_seal_head(&crypto.crypto, &by_client, number, buf, MPS_DSS_OPEN_LEN), 0);
    memcpy(buf + len, payload, dss->payload_len);
    len += dss->payload_len;
    if (dss->checked) {
        assert_int_equal(mps_seal_payload(&crypto.crypto, &by_client, number, &span, 1, buf + len),
                         0);
        len += MPS_MAC_LEN;
    }
    assert_vector("", name, buf, len);
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

    check_dss("dss", 1, &d, "multipath");
    d.checked = true;
    check_dss("dss-mac", 2, &d, "multipath");
    d.checked = false;
    d.flags = MPS_DSS_URGENT;
    check_dss("dss-urgent", 3, &d, "multipath");
    d.flags = MPS_DSS_FIN;
    d.dsn = 4105;
    d.payload_len = 0;
    check_dss("dss-fin", 4, &d, "");
}

static void check_ctrl(const char *name, uint64_t number, const struct mps_ctrl *ctrl)
{
    uint8_t buf[MPS_CTRL_MAX_LEN];
    size_t len = mps_ctrl_encode(ctrl, buf), head, need;
    struct mps_frame got;

    assert_int_equal(mps_seal_head(&crypto.crypto, &by_server, number, buf, len), 0);
    assert_vector("", name, buf, len + MPS_MAC_LEN);
    assert_int_equal(mps_frame_parse_head(buf, len + MPS_MAC_LEN, &got, &head, &need), 0);
    assert_int_equal(got.type, ctrl->type);
    assert_int_equal(got.ctrl.csn, ctrl->csn);
}

static void addresses(void **state)
{
    struct mps_ctrl c = {.type = MPS_FRAME_ADD_ADDR, .csn = 0};

    c.add_addr.id = 1;
    c.add_addr.addr = (struct mps_addr){.family = MPS_AF_INET, .port = 8080, .ip = {192, 0, 2, 1}};
    check_ctrl("add-addr-4", 0, &c);

    c.csn = 1;
    c.add_addr.id = 2;
    c.add_addr.addr =
        (struct mps_addr){.family = MPS_AF_INET6, .ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
    check_ctrl("add-addr-6", 1, &c);

    c = (struct mps_ctrl){.type = MPS_FRAME_REMOVE_ADDR, .csn = 2, .remove_addr.id = 1};
    check_ctrl("remove-addr", 2, &c);
}

static void subflow_control(void **state)
{
    struct mps_ctrl c = {
        .type = MPS_FRAME_PRIO, .csn = 3, .prio = {.subflow_id = 2, .flags = MPS_PRIO_BACKUP}};

    check_ctrl("prio", 3, &c);
    c = (struct mps_ctrl){.type = MPS_FRAME_FAIL, .csn = 4, .fail = {.subflow_id = 2, .dsn = 4096}};
    check_ctrl("fail", 4, &c);
    c = (struct mps_ctrl){.type = MPS_FRAME_FASTCLOSE, .csn = 5};
    check_ctrl("fastclose", 5, &c);
    c = (struct mps_ctrl){.type = MPS_FRAME_SUBFLOW_CLOSE,
                          .csn = 6,
                          .subflow_close = {.subflow_id = 2,
                                            .flags = MPS_CLOSE_TRANSIENT,
                                            .reason = MPS_REASON_BAD_PERFORMANCE}};
    check_ctrl("subflow-close", 6, &c);
    c = (struct mps_ctrl){.type = MPS_FRAME_PING, .ping.opaque = 0xcafef00d};
    check_ctrl("ping", 7, &c);
    c.type = MPS_FRAME_PONG;
    check_ctrl("pong", 8, &c);
}

static void optional_extension(void **state)
{
    uint8_t buf[MPS_PADDING_HEAD_LEN + 7];
    struct mps_frame got;
    size_t head, need;

    mps_padding_encode_head(7, buf); /* one of them */
    assert_int_equal(mps_seal_head(&crypto.crypto, &by_server, 9, buf, MPS_FRAME_PREFIX_LEN), 0);
    memcpy(buf + MPS_PADDING_HEAD_LEN, "skip me", 7);
    assert_vector("", "optional", buf, sizeof(buf));
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

/* ---- the given values ---- */

/* A run of bytes, each one more than the one before. */
static void run_of(uint8_t *out, size_t n, uint8_t first)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(first + i);
}

static EVP_PKEY *private_key(uint8_t first, uint8_t share[MPS_SHARE_LEN])
{
    uint8_t secret[MPS_SHARE_LEN];
    size_t len = MPS_SHARE_LEN;
    EVP_PKEY *key;

    run_of(secret, sizeof(secret), first);
    key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, sizeof(secret));
    if (!key || EVP_PKEY_get_raw_public_key(key, share, &len) != 1)
        abort();
    return key;
}

static void agree(void)
{
    EVP_PKEY *c = private_key(0x20, share_c), *s = private_key(0x40, share_s);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(c, NULL);
    size_t len = sizeof(agreed);

    if (EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, s) != 1 ||
        EVP_PKEY_derive(ctx, agreed, &len) != 1)
        abort();
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(c);
    EVP_PKEY_free(s);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openings),           cmocka_unit_test(data),
        cmocka_unit_test(addresses),          cmocka_unit_test(subflow_control),
        cmocka_unit_test(optional_extension), cmocka_unit_test(none_left_out),
    };
    int r;

    if (argc != 2) {
        fprintf(stderr, "usage: %s mptcpshim-protocol.7\n", argv[0]);
        return 2;
    }
    page = argv[1];
    test_crypto_init(&crypto, 1);
    run_of(key_c, sizeof(key_c), 0x01);
    run_of(key_s, sizeof(key_s), 0x11);
    run_of(nonce_c, sizeof(nonce_c), 0xa0);
    run_of(nonce_s, sizeof(nonce_s), 0xb0);
    run_of(psk.key, psk.key_len, 0x60);
    agree();
    r = cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
    test_crypto_deinit(&crypto);
    return r;
}
