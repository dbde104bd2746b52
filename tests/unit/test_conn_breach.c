/* SPDX-License-Identifier: MIT */
/* Peers that break the rules: the subflow ends, the connection and the process go on. */
#include "pair.h"

static void inject_dss(struct pair *p, struct pair_link *l, int from, const struct mps_dss *dss,
                       size_t payload)
{
    uint8_t head[MPS_DSS_OPEN_LEN], bytes[4096];

    memset(bytes, 0x55, sizeof(bytes));
    mps_dss_encode_head(dss, head);
    pair_inject_frame(p, l, from, head, sizeof(head));
    pair_inject(l, from, bytes, payload);
}

/* The second subflow is gone on both sides, the first one carries everything. */
static void expect_survival(struct pair *p, enum mps_reason reason)
{
    struct mps_subflow_info info[4];

    p->refuse_joins = true;
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_sf_close, 1);
    assert_int_equal(p->end[CLIENT].n_sf_close, 1);
    assert_int_equal(mps_conn_subflow_info(p->end[SERVER].conn, info, 4), 1);
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 1000000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
    (void)reason;
}

static void over_credit(void **state)
{
    struct pair *p = *state;
    struct mps_dss dss = {.payload_len = 100};

    pair_start_two(p);
    dss.dsn = p->cfg[SERVER].rcv_buf_init - 99;
    inject_dss(p, &p->links[1], CLIENT, &dss, 100);
    expect_survival(p, MPS_REASON_TOO_MUCH_DATA);
}

static void acknowledges_the_unsent(void **state)
{
    struct pair *p = *state;
    struct mps_dss dss = {.data_ack = 1};

    pair_start_two(p);
    inject_dss(p, &p->links[1], CLIENT, &dss, 0);
    expect_survival(p, MPS_REASON_PROTOCOL);
}

static void acknowledges_unsent_control(void **state)
{
    struct pair *p = *state;
    struct mps_dss dss = {.ctrl_ack = 1};

    pair_start_two(p);
    inject_dss(p, &p->links[1], CLIENT, &dss, 0);
    expect_survival(p, MPS_REASON_PROTOCOL);
}

static void dsn_overflow(void **state)
{
    struct pair *p = *state;
    struct mps_dss dss = {.dsn = UINT64_MAX - 5, .payload_len = 100};

    pair_start_two(p);
    inject_dss(p, &p->links[1], CLIENT, &dss, 100);
    expect_survival(p, MPS_REASON_PROTOCOL);
}

static void damaged_head(void **state)
{
    struct pair *p = *state;
    static const uint8_t noise[64] = {1, 0, 0, 32, 9, 9, 9, 9};

    pair_start_two(p);
    pair_inject(&p->links[1], CLIENT, noise, sizeof(noise));
    expect_survival(p, MPS_REASON_MIDDLEBOX);
}

static void unknown_type(void **state)
{
    struct pair *p = *state;
    static const uint8_t frame[16] = {0x42};

    pair_start_two(p);
    pair_inject(&p->links[1], CLIENT, frame, sizeof(frame));
    expect_survival(p, MPS_REASON_PROTOCOL);
}

static void control_beyond_window(void **state)
{
    struct pair *p = *state;
    struct mps_ctrl ctrl = {.type = MPS_FRAME_REMOVE_ADDR, .csn = 1000};
    uint8_t buf[MPS_CTRL_MAX_LEN];

    pair_start_two(p);
    pair_inject_frame(p, &p->links[1], CLIENT, buf, mps_ctrl_encode(&ctrl, buf));
    expect_survival(p, MPS_REASON_PROTOCOL);
}

static void forged_fastclose(void **state)
{
    struct pair *p = *state;
    struct mps_ctrl ctrl = {.type = MPS_FRAME_FASTCLOSE};
    uint8_t buf[MPS_CTRL_MAX_LEN] = {0};

    pair_start_two(p);
    pair_inject(&p->links[1], CLIENT, buf, mps_ctrl_encode(&ctrl, buf) + MPS_MAC_LEN);
    expect_survival(p, MPS_REASON_BAD_MAC);
}

static void forged_address(void **state)
{
    struct pair *p = *state;
    struct mps_ctrl ctrl = {.type = MPS_FRAME_ADD_ADDR, .csn = 0};
    uint8_t buf[MPS_CTRL_MAX_LEN] = {0};

    pair_start_two(p);
    ctrl.add_addr.id = 5;
    ctrl.add_addr.addr = pair_addr(9, 2, 80);
    pair_inject(&p->links[1], SERVER, buf, mps_ctrl_encode(&ctrl, buf) + MPS_MAC_LEN);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_announced, 0);
    assert_int_equal(p->end[CLIENT].n_open, 1);
}

/* ---- joins ---- */

static struct mps_opening join_of(struct pair *p, uint32_t id)
{
    struct mps_opening msg = {.kind = MPS_OPENING_JOIN, .join = {.subflow_id = id, .addr_id = 7}};

    msg.join.token = mps_conn_token(p->end[SERVER].conn);
    msg.len = mps_opening_encode(&msg, msg.bytes);
    return msg;
}

static int try_join_from(struct pair *p, struct mps_addr from, uint32_t id,
                         struct mps_subflow **ret)
{
    struct mps_addr to = pair_addr(1, 2, 80);
    struct mps_opening join = join_of(p, id);

    return mps_conn_join_accept(p->end[SERVER].conn, &join, &to, &from, p->now, ret);
}

static int try_join(struct pair *p, uint32_t id, struct mps_subflow **ret)
{
    return try_join_from(p, pair_addr(7, 7, 7777), id, ret);
}

static void join_ids(void **state)
{
    struct pair *p = *state;
    struct mps_subflow *sf = NULL;
    struct mps_opening join;
    struct mps_addr a = pair_addr(1, 2, 80);

    pair_start_two(p);
    assert_int_equal(try_join(p, 0, &sf), MPS_EPROTO);
    assert_int_equal(try_join(p, 1, &sf), MPS_EPROTO);
    assert_int_equal(try_join(p, 2, &sf), MPS_EPROTO); /* in use */
    assert_int_equal(try_join(p, 8, &sf), 0);
    assert_int_equal(try_join(p, 8, &sf), 0); /* anybody may have sent the one under way */
    join = join_of(p, 10);
    join.join.token ^= 1;
    assert_int_equal(mps_conn_join_accept(p->end[SERVER].conn, &join, &a, &a, p->now, &sf),
                     MPS_ETOKEN);
    /* An id of a subflow that ended is used up. */
    pair_break(p, &p->links[1]);
    p->refuse_joins = true;
    pair_settle(p);
    assert_int_equal(try_join(p, 2, &sf), MPS_EPROTO);
    assert_int_equal(try_join(p, 4, &sf), 0);
}

static void join_limits(void **state)
{
    struct pair *p = *state;
    struct mps_subflow *sf;
    unsigned n = 0;

    p->cfg[SERVER].max_subflows = 6;
    pair_start_two(p);
    while (try_join(p, 100 + 2 * n, &sf) == 0)
        n++;
    assert_int_equal(n, 4);
    assert_int_equal(try_join(p, 300, &sf), MPS_ELIMIT);
    /* Those that never confirm are given up. */
    pair_run(p, p->cfg[SERVER].join_timeout + MPS_SEC);
    assert_int_equal(p->end[SERVER].n_sf_close, 4);
    assert_int_equal(try_join(p, 300, &sf), 0);
}

static void half_open_limit(void **state)
{
    struct pair *p = *state;
    struct mps_subflow *sf;
    unsigned n = 0;

    p->cfg[SERVER].max_subflows = 32;
    pair_start_two(p);
    while (try_join(p, 100 + 2 * n, &sf) == 0)
        n++;
    assert_int_equal(n, 8);
}

#define STEPS 50 /* more than a join takes */

/* Joins by the token alone, before and while the honest one comes: it gets in all the same. */
static void half_open_flood(void **state)
{
    struct pair *p = *state;
    struct mps_subflow *sf;
    uint32_t id = 100;

    pair_start_two(p);
    for (; id < 200 && try_join(p, id, &sf) == 0; id += 2)
        ;
    assert_int_equal(id, 100 + 2 * 6); /* with two honest ones all places are taken */
    pair_add_local(p, 3);
    for (unsigned k = 0; k < STEPS && p->end[SERVER].n_up < 3; k++) {
        for (unsigned i = 0; i < 20; i++, id += 2)
            (void)try_join(p, id, &sf);
        pair_step(p);
    }
    assert_int_equal(p->end[SERVER].n_up, 3);
    assert_int_equal(p->end[CLIENT].n_up, 3);
    assert_int_equal(p->end[CLIENT].n_sf_close, 0);
}

/* Nor does the token suffice to use numbers up: that which the honest one will have is free. */
static void half_open_with_its_number(void **state)
{
    struct pair *p = *state;
    struct mps_subflow *sf;

    pair_start_two(p);
    assert_int_equal(try_join(p, 4, &sf), 0);
    pair_add_local(p, 3);
    for (unsigned k = 0; k < STEPS && p->end[SERVER].n_up < 3; k++) {
        (void)try_join(p, 4, &sf);
        pair_step(p);
    }
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_sf_close, 0);
    assert_int_equal(try_join(p, 4, &sf), MPS_EPROTO);
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 1000000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 20 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* From as many networks as there are places: they give way, too, the oldest first. */
static void half_open_from_everywhere(void **state)
{
    struct pair *p = *state;
    struct mps_subflow *sf;

    pair_start_two(p);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(try_join_from(p, pair_addr(20 + i, 7, 7), 100 + 2 * i, &sf), 0);
    pair_add_local(p, 3);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, 3);
    assert_int_equal(p->end[SERVER].n_sf_close, 1);
}

/* Places that are confirmed are nobody's to take. */
static void half_open_takes_no_place(void **state)
{
    struct pair *p = *state;
    struct mps_subflow *sf;

    p->cfg[SERVER].max_subflows = 2;
    pair_start_two(p);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(try_join_from(p, pair_addr(20 + i, 7, 7), 100 + 2 * i, &sf), MPS_ELIMIT);
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 1000000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
    assert_int_equal(p->end[SERVER].n_up, 2);
}

static void feed_bytes(struct mps_subflow *sf, const void *bytes, size_t n, mps_time_t now)
{
    struct mps_span s[2];

    assert_int_equal(mps_subflow_rx_spans(sf, s), 1);
    assert_true(s[0].n >= n);
    memcpy(s[0].p, bytes, n);
    assert_true(mps_subflow_rx_done(sf, n, now) < 0);
}

static void wrong_confirm(void **state)
{
    struct pair *p = *state;
    struct mps_opening msg = {.kind = MPS_OPENING_JOIN_CONFIRM};
    uint8_t buf[MPS_OPENING_MAX_LEN + MPS_DSS_HEAD_LEN + 10];
    struct mps_dss dss = {.payload_len = 10};
    struct mps_conn_info info;
    struct mps_subflow *sf;
    size_t n;

    pair_start_two(p);
    assert_int_equal(try_join(p, 8, &sf), 0);
    n = mps_opening_encode(&msg, buf);
    memset(buf + n, 0, MPS_DSS_HEAD_LEN + 10);
    mps_dss_encode_head(&dss, buf + n);
    feed_bytes(sf, buf, n + MPS_DSS_HEAD_LEN + 10, p->now);
    assert_int_equal(mps_subflow_state(sf), MPS_SF_DEAD);
    mps_conn_info(p->end[SERVER].conn, &info);
    assert_int_equal(info.bytes_received, 0);
    assert_int_equal(info.n_subflows, 2);
}

static void frames_before_confirm(void **state)
{
    struct pair *p = *state;
    uint8_t buf[MPS_DSS_HEAD_LEN + 10] = {0};
    struct mps_dss dss = {.payload_len = 10};
    struct mps_conn_info info;
    struct mps_subflow *sf;

    pair_start_two(p);
    assert_int_equal(try_join(p, 8, &sf), 0);
    mps_dss_encode_head(&dss, buf);
    feed_bytes(sf, buf, sizeof(buf), p->now);
    mps_conn_info(p->end[SERVER].conn, &info);
    assert_int_equal(info.bytes_received, 0);
}

static void flip_hmac(struct pair_link *l, int from, uint8_t *p, size_t n)
{
    struct mps_opening msg;
    size_t len;

    if (from == SERVER && mps_opening_parse(p, n, &msg, &len) == 0 &&
        msg.kind == MPS_OPENING_JOIN_REPLY) {
        uint8_t buf[MPS_OPENING_MAX_LEN];

        msg.join.hmac[3] ^= 1;
        assert_int_equal(mps_opening_encode(&msg, buf), len);
        memcpy(p, buf, len);
        l->tamper = NULL;
    }
}

static void wrong_reply(void **state)
{
    struct pair *p = *state;

    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_settle(p);
    p->links[1].tamper = flip_hmac;
    pair_add_local(p, 2);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_up, 1);
    assert_int_equal(p->end[SERVER].n_up, 1);
    assert_int_equal(p->end[CLIENT].n_sf_close, 1);
    /* Tried again later, now without the man in the middle. */
    pair_run(p, 100 * MPS_SEC);
    assert_int_equal(p->end[CLIENT].n_up, 2);
}

/* ---- damaged payload ---- */

static void flip_payload(struct pair_link *l, int from, uint8_t *p, size_t n)
{
    if (from == CLIENT && n > 10000) {
        p[n / 2] ^= 0x10;
        l->tamper = NULL;
    }
}

static void payload_damaged(void **state)
{
    struct pair *p = *state;
    struct mps_conn_info info;

    p->cfg[CLIENT].capabilities = p->cfg[SERVER].capabilities = MPS_CAP_PAYLOAD_MAC;
    pair_start_two(p);
    p->links[1].tamper = flip_payload;
    p->refuse_joins = true;
    p->end[CLIENT].to_send = 3000000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    while (p->end[SERVER].received < 2000000)
        assert_true(pair_step(p));
    assert_null(p->links[1].tamper);
    mps_conn_info(p->end[CLIENT].conn, &info);
    assert_true(info.bytes_reinjected > 0);
    assert_int_equal(info.n_subflows, 1);
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        T(over_credit),
        T(acknowledges_the_unsent),
        T(acknowledges_unsent_control),
        T(dsn_overflow),
        T(damaged_head),
        T(unknown_type),
        T(control_beyond_window),
        T(forged_fastclose),
        T(forged_address),
        T(join_ids),
        T(join_limits),
        T(half_open_limit),
        T(half_open_flood),
        T(half_open_with_its_number),
        T(half_open_from_everywhere),
        T(half_open_takes_no_place),
        T(wrong_confirm),
        T(frames_before_confirm),
        T(wrong_reply),
        T(payload_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
