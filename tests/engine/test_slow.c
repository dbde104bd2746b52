/* SPDX-License-Identifier: MIT */
/* Applications that read long after the peer has finished or reset the connection. */
#include "rig.h"
#include "stream.h"
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/connection/mpconn.h"

#define MANY (128u << 20) /* more than fits anywhere */

struct flow {
    struct rig *rig;
    int client, server;
    uint64_t sent;
};

static struct mps_conn *core_of(struct mps_engine *eng)
{
    assert_false(mps_list_empty(&eng->sessions));
    return mps_mpconn_core(mps_list_entry(eng->sessions.next, struct mps_session, link)->mp);
}

static uint8_t at(uint64_t offset)
{
    return (uint8_t)(offset * 131 ^ offset >> 11);
}

/* Write as long as anything is taken; true when nothing was for a while. */
static void fill(struct flow *f)
{
    static uint8_t piece[32 << 10];
    unsigned idle = 0;
    ssize_t n;

    while (idle < 20 && f->sent < MANY) {
        for (size_t i = 0; i < sizeof(piece); i++)
            piece[i] = at(f->sent + i);
        n = send(f->server, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);
        assert_true(n > 0 || errno == EAGAIN);
        f->sent += n > 0 ? (uint64_t)n : 0;
        idle = n > 0 ? 0 : idle + 1;
        if (n < 0)
            rig_run(f->rig, 0.01);
    }
    assert_true(f->sent < MANY); /* the reader's window holds it up */
}

static bool is_readable(void *arg)
{
    return (rig_poll(*(int *)arg, POLLIN | POLLHUP)) != 0;
}

/* Read to the end; returns what recv() said last. */
static ssize_t drain(struct flow *f, uint64_t *ret_got)
{
    static uint8_t piece[64 << 10];
    uint64_t got = 0;
    ssize_t n;

    do {
        assert_true(rig_until(f->rig, is_readable, &f->client, 10));
        n = recv(f->client, piece, sizeof(piece), MSG_DONTWAIT);
        for (ssize_t i = 0; i < n; i++)
            assert_int_equal(piece[i], at(got + (uint64_t)i));
        got += n > 0 ? (uint64_t)n : 0;
    } while (n > 0 || (n < 0 && errno == EAGAIN));
    *ret_got = got;
    return n;
}

static void begin(struct flow *f, struct rig *rig)
{
    rig_init(rig, "");
    f->rig = rig;
    f->sent = 0;
    rig_connect(rig, &f->client, &f->server);
    fill(f);
}

static void end(struct flow *f)
{
    close(f->client);
    assert_true(rig_until(f->rig, rig_no_sessions, f->rig, 20));
    rig_deinit(f->rig);
}

/* What the peer's reset finds received stays readable; then the reset is seen. */
static void test_reset(void **state)
{
    struct mps_conn_info info;
    struct flow f;
    struct rig rig;
    uint64_t got;

    begin(&f, &rig);
    assert_int_equal(send(f.client, "x", 1, 0), 1);
    rig_run(&rig, 0.05);
    mps_conn_info(core_of(rig.client), &info);
    close(f.server); /* with a byte unread: abort */
    rig_run(&rig, 0.3);
    assert_int_equal(drain(&f, &got), -1);
    assert_int_equal(errno, ECONNRESET);
    print_message("%llu bytes written, %llu received before the reset, %llu read\n",
                  (unsigned long long)f.sent, (unsigned long long)info.bytes_received,
                  (unsigned long long)got);
    assert_true(got >= info.bytes_received);
    end(&f);
}

/* The reader goes away instead: nothing stays behind. */
static void test_reset_unread(void **state)
{
    struct flow f;
    struct rig rig;

    begin(&f, &rig);
    assert_int_equal(send(f.client, "x", 1, 0), 1);
    rig_run(&rig, 0.05);
    close(f.server);
    rig_run(&rig, 0.1);
    end(&f);
}

/* Both sides have finished; one of them reads later. */
static void test_finish(void **state)
{
    struct flow f;
    struct rig rig;
    uint64_t got;

    begin(&f, &rig);
    assert_int_equal(shutdown(f.client, SHUT_WR), 0);
    close(f.server);
    rig_run(&rig, 0.5);
    assert_int_equal(drain(&f, &got), 0);
    assert_int_equal(got, f.sent);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_reset_unread),
        cmocka_unit_test(test_finish),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
