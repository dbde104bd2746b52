/* SPDX-License-Identifier: MIT */
/* The simulated network itself: one stream over it arrives whole, in order, at a plausible rate. */
#include "simnet.h"
#include "test.h"

struct end {
    struct simsock *sock;
    uint64_t to_write, written, got;
    bool connected, eof, failed, close_when_done;
};

struct bed {
    struct simnet net;
    struct end client, server;
};

static uint8_t pattern(uint64_t pos)
{
    return (uint8_t)((pos * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

static void fill(struct end *end)
{
    uint8_t buf[8192];

    while (end->written < end->to_write) {
        size_t n = sizeof(buf);

        if (n > end->to_write - end->written)
            n = (size_t)(end->to_write - end->written);
        for (size_t i = 0; i < n; i++)
            buf[i] = pattern(end->written + i);
        n = simsock_write(end->sock, buf, n);
        if (n == 0)
            return;
        end->written += n;
    }
    if (end->close_when_done) {
        end->close_when_done = false;
        simsock_close(end->sock, false);
    }
}

static void on_connected(struct simsock *sock)
{
    struct end *end = sock->user;

    end->connected = true;
    fill(end);
}

static void on_readable(struct simsock *sock)
{
    struct end *end = sock->user;
    uint8_t buf[4096];
    size_t n;

    while ((n = simsock_read(sock, buf, sizeof(buf))) > 0) {
        for (size_t i = 0; i < n; i++)
            assert_int_equal(buf[i], pattern(end->got + i));
        end->got += n;
    }
    if (simsock_eof(sock)) {
        assert_false(end->eof);
        end->eof = true;
    }
}

static void on_writable(struct simsock *sock)
{
    fill(sock->user);
}

static void on_failed(struct simsock *sock)
{
    struct end *end = sock->user;

    end->failed = true;
}

static const struct simsock_ops ops = {on_connected, on_readable, on_writable, on_failed};

static bool on_accept(void *user, struct simsock *sock)
{
    struct bed *bed = user;

    bed->server.sock = sock;
    sock->ops = &ops;
    sock->user = &bed->server;
    sock->want_write = true;
    return true;
}

static void bed_init(struct bed *bed, const struct simlink_params *params, uint64_t bytes)
{
    struct mps_addr local = simnet_addr(0, 0, 0), remote = simnet_addr(0, 1, SIMNET_PORT);

    memset(bed, 0, sizeof(*bed));
    simnet_init(&bed->net, 7);
    simnet_add_link(&bed->net, params);
    simnet_listen(&bed->net, &remote, on_accept, bed);
    bed->client.to_write = bytes;
    bed->client.close_when_done = true;
    bed->client.sock = simnet_connect(&bed->net, &local, &remote, &ops, &bed->client);
    bed->client.sock->want_write = true;
}

static mps_time_t run(struct bed *bed, mps_time_t limit)
{
    mps_time_t start = bed->net.q.now;

    while (!bed->server.eof && evq_step(&bed->net.q, start + limit))
        ;
    return bed->net.q.now - start;
}

static const struct simlink_params fast = {
    .rate = 12500000, .delay = 10 * MPS_MSEC, .queue = 250000};

static void test_bulk(void **user)
{
    struct bed bed;

    bed_init(&bed, &fast, 25000000);
    mps_time_t took = run(&bed, 100 * MPS_SEC);

    assert_true(bed.server.eof);
    assert_int_equal(bed.server.got, 25000000);
    print_message("25 MB over 100 Mbit/s: %.3f s\n", (double)took / MPS_SEC);
    assert_true(took > 2000 * MPS_MSEC && took < 2500 * MPS_MSEC);
    simnet_deinit(&bed.net);
}

static void test_loss(void **user)
{
    struct simlink_params lossy = fast;
    struct bed bed;

    lossy.loss_ppm = 30000;
    bed_init(&bed, &lossy, 1000000);
    mps_time_t took = run(&bed, 100 * MPS_SEC);

    assert_int_equal(bed.server.got, 1000000);
    print_message("1 MB with 3 %% loss: %.3f s\n", (double)took / MPS_SEC);
    assert_true(took > 200 * MPS_MSEC && took < 10 * MPS_SEC);
    simnet_deinit(&bed.net);
}

/* A cut shows in the metrics, and what was under way arrives after it. */
static void test_cut(void **user)
{
    struct mps_metrics m;
    struct bed bed;

    bed_init(&bed, &fast, 10000000);
    run(&bed, 300 * MPS_MSEC);
    assert_true(bed.client.connected && bed.server.got > 0);
    simlink_cut(&bed.net.links[0], true);
    uint64_t got = bed.server.got;

    run(&bed, 3 * MPS_SEC);
    assert_int_equal(bed.server.got, got);
    simsock_metrics(bed.client.sock, &m);
    assert_true(m.backoff >= 2);
    assert_true(m.in_flight > 0);
    assert_in_range(m.ack_age_us, 2900000, 3100000);
    simlink_cut(&bed.net.links[0], false);
    run(&bed, 60 * MPS_SEC);
    assert_int_equal(bed.server.got, 10000000);
    assert_true(bed.server.eof);
    simnet_deinit(&bed.net);
}

static void test_refused_and_reset(void **user)
{
    struct mps_addr local = simnet_addr(0, 0, 0), remote = simnet_addr(0, 1, 81);
    struct end refused = {0};
    struct bed bed;

    bed_init(&bed, &fast, 50000000);
    refused.sock = simnet_connect(&bed.net, &local, &remote, &ops, &refused);
    run(&bed, 500 * MPS_MSEC);
    assert_true(refused.failed && !refused.connected);
    simnet_reset_link(&bed.net, 0);
    run(&bed, MPS_SEC);
    assert_true(bed.client.failed && bed.server.failed);
    simnet_deinit(&bed.net);
}

/* Closing with unread bytes resets; data for a closed socket is answered by a reset. */
static void test_close(void **user)
{
    struct bed bed;

    bed_init(&bed, &fast, 50000000);
    run(&bed, 300 * MPS_MSEC);
    simsock_close(bed.server.sock, false);
    run(&bed, MPS_SEC);
    assert_true(bed.client.failed);
    simnet_deinit(&bed.net);
}

static void test_same_seed_same_run(void **user)
{
    struct simlink_params lossy = fast;
    mps_time_t took[2];

    lossy.loss_ppm = 10000;
    for (unsigned i = 0; i < 2; i++) {
        struct bed bed;

        bed_init(&bed, &lossy, 500000);
        took[i] = run(&bed, 100 * MPS_SEC);
        simnet_deinit(&bed.net);
    }
    assert_int_equal(took[0], took[1]);
}

static void note(void *obj, const struct evq_args *args)
{
    uint64_t **at = obj;

    *(*at)++ = args->a;
}

static void test_event_order(void **user)
{
    uint64_t order[100], *at = order;
    struct evq q;

    evq_init(&q, 0);
    for (uint64_t i = 0; i < 100; i++)
        evq_post(&q, 99 - i % 10 * 10, note, &at, (struct evq_args){i, 0, 0});
    while (evq_step(&q, MPS_NEVER))
        ;
    assert_ptr_equal(at, order + 100);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(order[i], 9 - i / 10 + i % 10 * 10);
    evq_deinit(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_order),
        cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_loss),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_refused_and_reset),
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_same_seed_same_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
