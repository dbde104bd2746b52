/* SPDX-License-Identifier: MIT */
/*
 * Payloads that go to the program by splice(2), beside all others: the calls do less than they were
 * asked for, or fail, and no byte is lost, repeated or moved by that.
 */
#include "prng.h"
#include "rig.h"
#include "stream.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/connection/mpconn.h"

#define BULK (24u << 20)

/* What happens to the calls; in thousandths. */
static struct {
    unsigned no_pipe, cut, fail; /* of those into programs' ends */
    unsigned cut_in, fail_in;    /* of those out of subflows' sockets */
    uint64_t calls_in, bytes;    /* that went into programs' ends */
    struct prng rng;
} world;

ssize_t __real_splice(int in, off_t *in_at, int out, off_t *out_at, size_t n, unsigned flags);
ssize_t __wrap_splice(int in, off_t *in_at, int out, off_t *out_at, size_t n, unsigned flags);
int __real_pipe2(int fd[2], int flags);
int __wrap_pipe2(int fd[2], int flags);

ssize_t __wrap_splice(int in, off_t *in_at, int out, off_t *out_at, size_t n, unsigned flags)
{
    static const int errors[] = {EAGAIN, ENOMEM, EINVAL, EINTR};
    int domain = 0;
    socklen_t len = sizeof(domain);
    bool into = getsockopt(out, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0;
    ssize_t done;

    world.calls_in += !into;
    if (prng_chance(&world.rng, into ? world.fail : world.fail_in)) {
        errno = errors[prng_below(&world.rng, 4)];
        return -1;
    }
    if (prng_chance(&world.rng, into ? world.cut : world.cut_in))
        n = 1 + (size_t)prng_below(&world.rng, n);
    done = __real_splice(in, in_at, out, out_at, n, flags);
    if (done > 0 && into)
        world.bytes += (uint64_t)done;
    return done;
}

int __wrap_pipe2(int fd[2], int flags)
{
    if (prng_chance(&world.rng, world.no_pipe)) {
        errno = EMFILE;
        return -1;
    }
    return __real_pipe2(fd, flags);
}

/* Bytes both ways, ends, and nothing left. */
static void transfer(const char *options)
{
    struct rig rig;

    rig_init(&rig, options);
    assert_int_equal(mps_hub_listener(&rig.server_hub, rig.listener, getpid(), true), 0);
    rig_transfer(&rig, BULK);
    rig_deinit(&rig);
}

static int begin(void **state)
{
    memset(&world, 0, sizeof(world));
    prng_init(&world.rng, 20);
    return 0;
}

static void all_that_may(void **state)
{
    transfer("");
    assert_true(world.bytes > BULK / 4);
}

static void two_paths(void **state)
{
    transfer("local=127.0.0.1,127.0.0.2");
    assert_true(world.bytes > 0);
}

static void short_calls(void **state)
{
    world.cut = 600;
    world.cut_in = 20;
    transfer("local=127.0.0.1,127.0.0.2");
    assert_true(world.bytes > 0);
}

static void failing_calls(void **state)
{
    world.cut = 300;
    world.fail = 300;
    world.fail_in = 20;
    transfer("local=127.0.0.1,127.0.0.2");
    assert_true(world.bytes > 0);
}

/* A pipe that takes less than was there has got many small pieces: these are read for a while. */
static void small_pieces(void **state)
{
    uint64_t calls;

    transfer("");
    calls = world.calls_in;
    assert_true(calls > 100);
    world.calls_in = 0;
    world.cut_in = 1000;
    transfer("");
    assert_in_range(world.calls_in, 1, calls / 4);
}

/* Without pipes all goes the other way. */
static void no_pipes(void **state)
{
    world.no_pipe = 1000;
    transfer("");
    assert_int_equal(world.bytes, 0);
}

static void under_macs(void **state)
{
    transfer("integrity=full");
    assert_int_equal(world.bytes, 0);
}

/* A program that reads in bits and pauses: its end is full most of the time. */
static void slow_program(void **state)
{
    struct stream s = {.seed = 7, .length = BULK, .close_after = true};
    struct rig rig;
    int to;

    rig_init(&rig, "local=127.0.0.1,127.0.0.2");
    assert_int_equal(mps_hub_listener(&rig.server_hub, rig.listener, getpid(), true), 0);
    rig_connect(&rig, &s.from, &s.to);
    to = s.to;
    for (unsigned i = 0; i < 400 && !stream_step(&s); i++)
        rig_run(&rig, 0.002);
    assert_true(rig_until(&rig, stream_step, &s, 60));
    assert_false(s.broken);
    assert_int_equal(s.received, s.length);
    close(to);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_that_may, begin), cmocka_unit_test_setup(two_paths, begin),
        cmocka_unit_test_setup(short_calls, begin),  cmocka_unit_test_setup(failing_calls, begin),
        cmocka_unit_test_setup(small_pieces, begin), cmocka_unit_test_setup(no_pipes, begin),
        cmocka_unit_test_setup(under_macs, begin),   cmocka_unit_test_setup(slow_program, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
