/* SPDX-License-Identifier: MIT */
/* The application's end of a connection (engine/connection/app.h). */
#include "test.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "engine/connection/app.h"
#include "engine/agent/clock.h"
#include "handover/sndbuf.h"

static unsigned n_ready;
static unsigned failing_looks; /* so many of the next questions how much is there fail */

/* In place of the library's: the agent's code in this program calls it. */
int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    void *arg;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);
    if (request == FIONREAD && failing_looks > 0) {
        failing_looks--;
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_ioctl, fd, request, arg);
}

static void on_ready(struct mps_app *app)
{
    n_ready++;
}

struct end {
    struct ev_loop *loop;
    struct mps_appwatch watch;
    struct mps_app app;
    int fd;
};

static void end_init(struct end *e)
{
    const int size = (int)mps_ho_sndbuf(1, (size_t)getpagesize());
    int pair[2];

    e->loop = ev_loop_new(EVBACKEND_EPOLL);
    assert_int_equal(mps_appwatch_init(&e->watch, e->loop), 0);
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
    e->fd = pair[0];
    assert_return_code(setsockopt(e->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), errno);
    assert_int_equal(send(e->fd, "", 1, 0), 1);
    assert_int_equal(mps_app_open(&e->app, &e->watch, on_ready, pair[1], (size_t)size, 1 << 20), 0);
}

static void end_deinit(struct end *e)
{
    mps_app_close(&e->app);
    mps_appwatch_deinit(&e->watch);
    ev_loop_destroy(e->loop);
}

static int queued(int fd)
{
    int n = -1;

    assert_return_code(ioctl(fd, FIONREAD, &n), errno);
    return n;
}

/* Who shut down its reading side hears nothing more; who closed takes nothing, which is a reset. */
static void test_app_closed_or_deaf(void **state)
{
    struct mps_span span = {(uint8_t *)"late", 4};
    struct end e;
    uint8_t c;
    size_t n;

    end_init(&e);
    assert_return_code(shutdown(e.fd, SHUT_RD), errno);
    assert_int_equal(mps_app_write(&e.app, &span, 1), 4);
    assert_false(e.app.hup);
    close(e.fd);
    end_deinit(&e);

    end_init(&e);
    assert_int_equal(send(e.fd, "x", 1, 0), 1);
    close(e.fd);
    assert_int_equal(mps_app_write(&e.app, &span, 1), 0);
    assert_true(e.app.hup);
    /* What it wrote before it closed is there all the same. */
    assert_int_equal(mps_app_read(&e.app, &c, 1, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(c, 'x');
    assert_int_equal(mps_app_read(&e.app, &c, 1, &n), MPS_APP_EOF);
    end_deinit(&e);
}

/* At every moment a byte is unread; every byte is delivered once and in order. */
static void test_app_keeps_a_byte(void **state)
{
    char in[1000], out[1000];
    size_t sent = 0, got = 0, n;
    struct end e;

    for (unsigned i = 0; i < sizeof(in); i++)
        in[i] = (char)(i * 7);
    end_init(&e);
    for (unsigned i = 1; got < sizeof(in); i++) {
        size_t want = i % 13, room = 1 + i % 7;

        if (want > sizeof(in) - sent)
            want = sizeof(in) - sent;
        if (want > 0)
            assert_int_equal(send(e.fd, in + sent, want, 0), want);
        sent += want;
        if (room > sizeof(out) - got)
            room = sizeof(out) - got;
        ev_run(e.loop, EVRUN_NOWAIT);
        assert_int_equal(mps_app_read(&e.app, (uint8_t *)out + got, room, &n), 0);
        got += n;
        assert_true(queued(e.app.fd) >= 1);
    }
    assert_memory_equal(in, out, sizeof(in));
    assert_int_equal(mps_app_read(&e.app, (uint8_t *)out, 1, &n), 0);
    assert_int_equal(n, 0);
    close(e.fd);
    end_deinit(&e);
}

/* Random pieces, some of them ending in an urgent byte: each mark is where it was put, or gone. */
static void test_app_urgent(void **state)
{
    char in[1000], out[1000];
    size_t sent = 0, got = 0, mark = 0, marks = 0, n;
    struct end e;

    for (unsigned i = 0; i < sizeof(in); i++)
        in[i] = (char)(i * 7);
    end_init(&e);
    for (unsigned i = 1; got < sizeof(in); i++) {
        size_t want = i % 5, room = 1 + i % 7;
        bool urgent = i % 3 == 0;

        if (want > sizeof(in) - sent)
            want = sizeof(in) - sent;
        if (want > 0)
            assert_int_equal(send(e.fd, in + sent, want, urgent ? MSG_OOB : 0), want);
        sent += want;
        if (want > 0 && urgent)
            mark = sent;
        if (room > sizeof(out) - got)
            room = sizeof(out) - got;
        ev_run(e.loop, EVRUN_NOWAIT);
        assert_int_equal(mps_app_read(&e.app, (uint8_t *)out + got, room, &n), 0);
        got += n;
        if (n > 0 && got >= mark && got - n < mark) {
            assert_int_equal(got, mark);
            assert_true(e.app.urgent);
            marks++;
        } else {
            assert_false(e.app.urgent);
        }
        assert_true(queued(e.app.fd) >= 1);
    }
    assert_memory_equal(in, out, sizeof(in));
    assert_true(marks > 10);
    assert_int_equal(mps_app_write_urgent(&e.app, (const uint8_t *)"!"), 1);
    assert_int_equal(recv(e.fd, out, 2, MSG_OOB), 1);
    assert_int_equal(out[0], '!');
    close(e.fd);
    end_deinit(&e);
}

static void test_app_ends(void **state)
{
    uint8_t buf[8];
    size_t n;
    struct end e;

    /* FIN, then close. */
    end_init(&e);
    assert_int_equal(send(e.fd, "ab", 2, 0), 2);
    assert_return_code(shutdown(e.fd, SHUT_WR), errno);
    ev_run(e.loop, EVRUN_NOWAIT);
    assert_true(e.app.eof && !e.app.hup);
    assert_int_equal(mps_app_read(&e.app, buf, sizeof(buf), &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(mps_app_read(&e.app, buf, sizeof(buf), &n), MPS_APP_EOF);
    close(e.fd);
    ev_run(e.loop, EVRUN_NOWAIT);
    assert_true(e.app.hup && !e.app.err);
    end_deinit(&e);

    /* Close with data unread: what it wrote still comes first. */
    end_init(&e);
    assert_int_equal(mps_app_write(&e.app, &(struct mps_span){(uint8_t *)"xyz", 3}, 1), 3);
    assert_int_equal(send(e.fd, "c", 1, 0), 1);
    close(e.fd);
    ev_run(e.loop, EVRUN_NOWAIT);
    assert_int_equal(mps_app_read(&e.app, buf, sizeof(buf), &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(mps_app_read(&e.app, buf, sizeof(buf), &n), MPS_APP_RESET);
    end_deinit(&e);
}

/* Idle, it costs nothing: the byte that is always there does not keep the loop awake. */
static void test_app_is_quiet(void **state)
{
    struct end e;
    uint8_t buf[8];
    size_t n;

    end_init(&e);
    ev_run(e.loop, EVRUN_NOWAIT);
    n_ready = 0;
    for (unsigned i = 0; i < 5; i++)
        ev_run(e.loop, EVRUN_NOWAIT);
    assert_int_equal(n_ready, 0);
    assert_int_equal(send(e.fd, "a", 1, 0), 1);
    ev_run(e.loop, EVRUN_NOWAIT);
    assert_true(n_ready > 0);
    assert_int_equal(mps_app_read(&e.app, buf, sizeof(buf), &n), 0);
    n_ready = 0;
    ev_run(e.loop, EVRUN_NOWAIT);
    assert_int_equal(n_ready, 0);
    close(e.fd);
    end_deinit(&e);
}

/* A full buffer is reported once, and room in it wakes us. */
static void test_app_blocks(void **state)
{
    static uint8_t bytes[65536];
    struct mps_span span = {bytes, sizeof(bytes)};
    size_t total = 0, n;
    struct end e;

    end_init(&e);
    while ((n = mps_app_write(&e.app, &span, 1)) > 0)
        total += n;
    assert_true(e.app.blocked && total >= 100000);
    ev_run(e.loop, EVRUN_NOWAIT);
    n_ready = 0;
    while (total > 0) {
        ssize_t got = recv(e.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        assert_true(got > 0);
        total -= (size_t)got;
    }
    ev_run(e.loop, EVRUN_NOWAIT);
    assert_true(n_ready > 0);
    assert_true(mps_app_write(&e.app, &span, 1) > 0);
    /* A reader that went away swallows everything, without an error. */
    assert_return_code(shutdown(e.fd, SHUT_RD), errno);
    assert_int_equal(mps_app_write(&e.app, &span, 1), sizeof(bytes));
    assert_true(e.app.deaf);
    close(e.fd);
    end_deinit(&e);
}

/*
 * Bytes that the peer has not acknowledged stay: they fill the application's end, are forwarded
 * once and in order all the same, and leave when they are let go, but for the last one.
 */
static void test_app_keeps_more(void **state)
{
    static uint8_t in[65536], out[65536];
    size_t got = 0, sent = 0, n;
    struct end e;

    for (unsigned i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 7 + i / 256);
    end_init(&e);
    e.app.keeps = true;
    while (got < sizeof(in)) {
        size_t want = 1 + got % 1999 < sizeof(in) - sent ? 1 + got % 1999 : sizeof(in) - sent;

        if (want > 0)
            assert_int_equal(send(e.fd, in + sent, want, MSG_DONTWAIT), want);
        sent += want;
        ev_run(e.loop, EVRUN_NOWAIT);
        assert_int_equal(mps_app_read(&e.app, out + got, 1 + got % 777, &n), 0);
        got += n;
        if (got > 20000)
            mps_app_keep(&e.app, 20000);
        assert_in_range(queued(e.app.fd), got < 20000 ? got : 20000,
                        sent - got + 20000 + 1 + e.app.buffer / 128);
    }
    assert_memory_equal(in, out, sizeof(in));
    mps_app_keep(&e.app, 0);
    assert_int_equal(queued(e.app.fd), 1);
    assert_int_equal(mps_app_read(&e.app, out, 1, &n), 0);
    assert_int_equal(n, 0);
    close(e.fd);
    end_deinit(&e);
}

/* An urgent byte behind bytes that stay is seen as such. */
static void test_app_keeps_urgent(void **state)
{
    uint8_t buf[16];
    struct end e;
    size_t n;

    end_init(&e);
    e.app.keeps = true;
    assert_int_equal(send(e.fd, "abc", 3, 0), 3);
    ev_run(e.loop, EVRUN_NOWAIT);
    assert_int_equal(mps_app_read(&e.app, buf, sizeof(buf), &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(send(e.fd, "de!", 3, MSG_OOB), 3);
    assert_int_equal(send(e.fd, "fg", 2, 0), 2);
    ev_run(e.loop, EVRUN_NOWAIT);
    assert_int_equal(mps_app_read(&e.app, buf, sizeof(buf), &n), 0);
    assert_int_equal(n, 2);
    assert_false(e.app.urgent);
    assert_int_equal(mps_app_read(&e.app, buf + n, sizeof(buf) - n, &n), 0);
    assert_int_equal(n, 1);
    assert_true(e.app.urgent);
    assert_int_equal(mps_app_read(&e.app, buf + 3, sizeof(buf) - 3, &n), 0);
    assert_int_equal(n, 2);
    assert_memory_equal(buf, "de!fg", 5);
    close(e.fd);
    end_deinit(&e);
}

/*
 * The piece that the last byte came in leaves room, or nobody would ever hear that there is some.
 */
static void test_app_stays_writable(void **state)
{
    static uint8_t bytes[1 << 20];
    struct pollfd p = {.events = POLLOUT};
    int pipe_fds[2], file;
    struct end e;
    size_t n;

    end_init(&e);
    p.fd = e.fd;
    while (send(e.fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        ;
    for (unsigned i = 0; i < 2; i++) {
        ev_run(e.loop, EVRUN_NOWAIT);
        e.app.changed = true;
        do {
            assert_int_equal(mps_app_read(&e.app, bytes, sizeof(bytes), &n), 0);
            e.app.changed = true;
        } while (n > 0);
        assert_int_equal(poll(&p, 1, 0), 1);
        if (i == 1)
            break;
        /* The same with a piece from sendfile(2) and its like. */
        assert_return_code(pipe(pipe_fds), errno);
        file = open("/proc/self/exe", O_RDONLY);
        assert_return_code(file, errno);
        assert_true(splice(file, NULL, pipe_fds[1], NULL, 65536, 0) > 0);
        assert_true(splice(pipe_fds[0], NULL, e.fd, NULL, 65536, 0) > 0);
        close(file);
        close(pipe_fds[0]);
        close(pipe_fds[1]);
    }
    close(e.fd);
    end_deinit(&e);
}

/* Who only asks whether there is something meets an error: who reads then must not find nothing. */
static void test_app_asks_again(void **state)
{
    struct end e;
    uint8_t c;
    size_t n;

    end_init(&e);
    assert_int_equal(send(e.fd, "x", 1, 0), 1);
    ev_run(e.loop, EVRUN_NOWAIT);
    failing_looks = 1;
    assert_true(mps_app_readable(&e.app));
    assert_int_equal(failing_looks, 0);
    assert_true(mps_app_readable(&e.app));
    assert_int_equal(mps_app_read(&e.app, &c, 1, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(c, 'x');
    close(e.fd);
    end_deinit(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_app_closed_or_deaf), cmocka_unit_test(test_app_keeps_a_byte),
        cmocka_unit_test(test_app_urgent),         cmocka_unit_test(test_app_ends),
        cmocka_unit_test(test_app_is_quiet),       cmocka_unit_test(test_app_blocks),
        cmocka_unit_test(test_app_keeps_more),     cmocka_unit_test(test_app_keeps_urgent),
        cmocka_unit_test(test_app_stays_writable), cmocka_unit_test(test_app_asks_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
