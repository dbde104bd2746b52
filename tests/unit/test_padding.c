/* SPDX-License-Identifier: MIT */
/* Padding behind HELLO_REPLY: how much suits a path, and when a connection sends it. */
#include "core/wire/padding.h"
#include "core/base/constants.h"
#include "pair.h"

/* ---- the part ---- */

static uint32_t length_for(uint32_t srtt_us, uint64_t cwnd)
{
    struct mps_metrics m = {.srtt_us = srtt_us, .cwnd = cwnd};
    struct mps_padding pad;

    mps_padding_make(&pad, &m);
    return pad.len;
}

static void length(void **state)
{
    assert_int_equal(length_for(10000, 1u << 20), 12500); /* 10 Mbit/s for 10 ms */
    assert_int_equal(length_for(100000, 13150), 13150);   /* the window */
    assert_int_equal(length_for(1000000, 1u << 20), MPS_PADDING_MAX);
    assert_int_equal(length_for(1000, 1u << 20), 0); /* a round trip that is not worth it */
    assert_int_equal(length_for(0, 1u << 20), 0);
    assert_int_equal(length_for(20000, 0), 0);
}

/* In pieces of every size the same bytes come out: one frame that parsers skip. */
static void pieces(void **state)
{
    static uint8_t out[MPS_PADDING_MAX];
    struct mps_metrics m = {.srtt_us = 10000, .cwnd = 1u << 20};
    struct mps_frame frame;
    size_t head_len, need;

    for (size_t piece = 1; piece <= 13000; piece = piece * 3 + 1) {
        struct mps_padding pad;
        struct mps_span span;
        size_t at = 0;

        memset(out, 0xff, sizeof(out));
        mps_padding_make(&pad, &m);
        while (mps_padding_spans(&pad, &span, 1) == 1) {
            size_t n = span.n < piece ? span.n : piece;

            memcpy(out + at, span.p, n);
            assert_int_equal(mps_padding_taken(&pad, n), n);
            at += n;
            assert_int_equal(mps_padding_is_begun(&pad), at < 12500);
        }
        assert_int_equal(at, 12500);
        assert_false(mps_padding_is_there(&pad));
        assert_int_equal(mps_frame_parse_head(out, at, &frame, &head_len, &need), 0);
        assert_int_equal(frame.type, MPS_FRAME_PADDING);
        assert_true(frame.skip);
        assert_int_equal(head_len + frame.tail_len, at);
        for (size_t i = head_len; i < at; i++)
            assert_int_equal(out[i], 0);
    }
}

/* The socket takes more than the padding: the rest is somebody else's. */
static void taken_with_more(void **state)
{
    struct mps_metrics m = {.srtt_us = 10000, .cwnd = 1u << 20};
    struct mps_padding pad;

    mps_padding_make(&pad, &m);
    assert_int_equal(mps_padding_taken(&pad, 100), 100);
    assert_int_equal(mps_padding_taken(&pad, 20000), 12400);
    assert_int_equal(mps_padding_taken(&pad, 20000), 0);
}

/* ---- the connection; its path has a round trip of 10 ms: 12500 bytes ---- */

#define LEN 12500u

static void to_a_stranger(void **state)
{
    struct pair *p = *state;

    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
    assert_in_range(p->links[0].carried[SERVER], LEN, LEN + 400);
    assert_in_range(p->links[0].carried[CLIENT], 1, 400);
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 100000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
}

static void byte_by_byte(void **state)
{
    struct pair *p = *state;

    p->chunk = 1;
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 0;
    assert_int_equal(pair_start(p), 0);
    /* Data, and acknowledgments of what the client sends, come while the padding is under way. */
    for (unsigned i = 0; i < 2000; i++)
        pair_step(p);
    assert_in_range(p->links[0].carried[SERVER], 1, LEN);
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 20000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
    assert_true(p->links[0].carried[SERVER] > 20000 + LEN);
}

static void not_with_early_data(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].zero_rtt = true;
    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
    assert_true(p->end[SERVER].established);
    assert_in_range(p->links[0].carried[SERVER], 1, 400);
}

/* A program that speaks first does not wait for it. */
static void not_before_data(void **state)
{
    struct pair *p = *state;

    p->end[SERVER].to_send = 100;
    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].received, 100);
    assert_in_range(p->links[0].carried[SERVER], 100, 600);
}

static void not_without_metrics(void **state)
{
    struct pair *p = *state;

    p->no_metrics = true;
    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
    assert_in_range(p->links[0].carried[SERVER], 1, 400);
}

/* ---- a join ---- */

/* What the server sent first on the second link. */
static struct {
    uint8_t bytes[256];
    size_t len;
} join;

static void on_join(struct pair_link *link, int from, uint8_t *p, size_t n)
{
    /* The first link has another network. */
    if (link->local.ip[2] != 2 || from != SERVER)
        return;
    if (n > sizeof(join.bytes) - join.len)
        n = sizeof(join.bytes) - join.len;
    memcpy(join.bytes + join.len, p, n);
    join.len += n;
}

/* How long the padding behind JOIN_REPLY is, 0: another frame is there. */
static size_t padding_of_join(void)
{
    struct mps_opening msg;
    struct mps_frame frame;
    size_t len, head_len, need;

    assert_int_equal(mps_opening_parse(join.bytes, join.len, &msg, &len), 0);
    assert_int_equal(msg.kind, MPS_OPENING_JOIN_REPLY);
    assert_int_equal(
        mps_frame_parse_head(join.bytes + len, join.len - len, &frame, &head_len, &need), 0);
    return frame.type == MPS_FRAME_PADDING ? head_len + frame.tail_len : 0;
}

/* In small pieces, so that TCP tells of the path between JOIN and JOIN_CONFIRM. */
static void join_begins(struct pair *p, uint64_t to_send)
{
    memset(&join, 0, sizeof(join));
    p->tamper = on_join;
    p->end[SERVER].to_send = to_send;
    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, 1);
    p->links[0].cut = true;
    p->end[SERVER].to_send *= 2;
    p->chunk = 40;
    pair_add_local(p, 2);
    for (unsigned i = 0; i < 1000; i++)
        pair_step(p);
    p->links[0].cut = false;
    p->chunk = 0;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
    assert_int_equal(p->end[SERVER].n_up, 2);
}

static void join_for_data_that_waits(void **state)
{
    struct pair *p = *state;

    join_begins(p, 4u << 20);
    assert_int_equal(padding_of_join(), LEN);
}

static void join_that_nobody_waits_for(void **state)
{
    struct pair *p = *state;

    join_begins(p, 1000);
    assert_int_equal(padding_of_join(), 0);
}

/* preload/interpose/marking.c knows these bytes, which follow the first HELLO. */
static void empty(void **state)
{
    static const uint8_t wanted[MPS_FRAME_PREFIX_LEN] = {0x80, 0, 0, 16, 0x37, 0x0b, 0x45, 0x3d};
    uint8_t head[MPS_FRAME_PREFIX_LEN];

    mps_padding_encode_head(0, head);
    assert_memory_equal(head, wanted, sizeof(wanted));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty),
        cmocka_unit_test(length),
        cmocka_unit_test(pieces),
        cmocka_unit_test(taken_with_more),
        T(to_a_stranger),
        T(byte_by_byte),
        T(not_with_early_data),
        T(not_before_data),
        T(not_without_metrics),
        T(join_for_data_that_waits),
        T(join_that_nobody_waits_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
