/* SPDX-License-Identifier: MIT */
/* First bytes that come while they are looked for, and ends that come with them. */
#include "rig.h"
#include "test.h"

#include <errno.h>
#include <string.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "engine/net/peek.h"

/*
 * What the peer does in the middle of mps_peek_opening: between its look at the bytes and that for
 * the end it sets SO_RCVLOWAT.
 */
static struct {
    int fd; /* the peer's, -1: nothing is to happen */
    const uint8_t *bytes;
    size_t n;
} meanwhile = {.fd = -1};

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    int peer = meanwhile.fd;

    if (level == SOL_SOCKET && name == SO_RCVLOWAT && peer >= 0) {
        meanwhile.fd = -1;
        assert_int_equal(send(peer, meanwhile.bytes, meanwhile.n, 0), meanwhile.n);
        assert_return_code(shutdown(peer, SHUT_WR), errno);
    }
    return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

struct end {
    struct rig rig;
    int peer, own;
    uint8_t hello[MPS_OPENING_MAX_LEN];
    size_t len;
};

static int setup(void **state)
{
    struct mps_opening msg = {.kind = MPS_OPENING_HELLO,
                              .hello = {.credit = 65536, .algs = {MPS_SHA256}, .n_algs = 1}};
    static struct end e;

    rig_init(&e.rig, "");
    rig_tcp_pair(&e.rig, &e.peer, &e.own);
    e.len = mps_opening_encode(&msg, e.hello);
    *state = &e;
    return 0;
}

static int teardown(void **state)
{
    struct end *e = *state;

    meanwhile.fd = -1;
    close(e->peer);
    close(e->own);
    rig_deinit(&e->rig);
    return 0;
}

/* What did not come before the look makes the socket readable again: one more look. */
static int peek(const struct end *e, struct mps_opening *msg)
{
    size_t have;
    int rc = mps_peek_opening(e->own, msg, &have);

    if (rc != MPS_OPENING_MORE || have > 0)
        return rc;
    assert_int_equal(rig_poll(e->own, POLLIN), POLLIN);
    return mps_peek_opening(e->own, msg, &have);
}

static void comes_with_the_end(struct end *e, const uint8_t *bytes, size_t n)
{
    meanwhile.fd = e->peer;
    meanwhile.bytes = bytes;
    meanwhile.n = n;
}

static void test_whole_message_with_the_end(void **state)
{
    struct end *e = *state;
    struct mps_opening msg;
    char byte;

    comes_with_the_end(e, e->hello, e->len);
    assert_int_equal(peek(e, &msg), 0);
    assert_int_equal(msg.kind, MPS_OPENING_HELLO);
    assert_int_equal(recv(e->own, &byte, 1, MSG_DONTWAIT), 0);
}

static void test_rest_with_the_end(void **state)
{
    struct end *e = *state;
    struct mps_opening msg;

    for (size_t n = 1; n < e->len; n += 9) {
        teardown(state);
        setup(state);
        assert_int_equal(send(e->peer, e->hello, n, 0), n);
        comes_with_the_end(e, e->hello + n, e->len - n);
        assert_int_equal(peek(e, &msg), 0);
    }
}

/* No byte of a message of ours is a program's, even if the message is not whole. */
static void test_end_in_the_message(void **state)
{
    struct end *e = *state;
    struct mps_opening msg;

    for (size_t n = 0; n < e->len; n++) {
        teardown(state);
        setup(state);
        comes_with_the_end(e, e->hello, n);
        if (n < MPS_OPENING_MAGIC_LEN)
            assert_int_equal(peek(e, &msg), MPS_PEEK_EOF);
        else
            assert_true(peek(e, &msg) < 0);
    }
}

static void test_foreign_bytes_with_the_end(void **state)
{
    static const uint8_t line[] = "QUIT\r\n";
    struct end *e = *state;
    struct mps_opening msg;
    char got[16];

    comes_with_the_end(e, line, sizeof(line) - 1);
    assert_int_equal(peek(e, &msg), MPS_OPENING_FOREIGN);
    assert_int_equal(recv(e->own, got, sizeof(got), MSG_DONTWAIT), sizeof(line) - 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_whole_message_with_the_end),
        CASE(test_rest_with_the_end),
        CASE(test_end_in_the_message),
        CASE(test_foreign_bytes_with_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
