/* SPDX-License-Identifier: MIT */
/* Small parts that other tests pass by: the log, what is unsent, JSON without memory, accepting
 * without descriptors, sessions that do not come about. */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/err.h"
#include "engine/agent/memfd.h"
#include "engine/net/acceptor.h"
#include "engine/show/json.h"
#include "engine/show/log.h"
#include "engine/net/outq.h"
#include "rig.h"

/* ---- the log ---- */

static char directory[] = "/tmp/mps-odds-XXXXXX", path[64], other[64];

static void read_file(const char *name, char *ret, size_t size)
{
    FILE *f = fopen(name, "r");
    size_t n;

    assert_non_null(f);
    n = fread(ret, 1, size - 1, f);
    ret[n] = '\0';
    fclose(f);
}

static void log_lines(void **state)
{
    char text[4096], expected[64], *end;

    assert_int_equal(mps_log_open(path), 0);
    mps_log("%s %d", "first", 1);
    /* One that is too long is cut, and is a line all the same. */
    mps_log("%01000d", 0);
    assert_int_equal(mps_log_open(other), 0);
    mps_log("elsewhere");
    mps_log_close();
    mps_log("nowhere");
    read_file(path, text, sizeof(text));
    snprintf(expected, sizeof(expected), " [%d] first 1\n", (int)getpid());
    end = strchr(text, '\n');
    assert_non_null(end);
    assert_memory_equal(end + 1 - strlen(expected), expected, strlen(expected));
    assert_in_range(strlen(end + 1), 500, 512);
    assert_ptr_equal(strchr(end + 1, '\n'), end + strlen(end + 1));
    read_file(other, text, sizeof(text));
    assert_non_null(strstr(text, "] elsewhere\n"));
    assert_null(strstr(text, "nowhere"));
    /* Appended, not begun anew. */
    assert_int_equal(mps_log_open(other), 0);
    mps_log("again");
    mps_log_close();
    read_file(other, text, sizeof(text));
    assert_non_null(strstr(text, "] elsewhere\n"));
    assert_non_null(strstr(text, "] again\n"));
}

static void log_in_vain(void **state)
{
    char name[128];

    assert_int_equal(mps_log_open(directory), MPS_ESYS);
    snprintf(name, sizeof(name), "%s/none/log", directory);
    assert_int_equal(mps_log_open(name), MPS_ESYS);
    snprintf(name, sizeof(name), "%s/fifo", directory);
    assert_return_code(mkfifo(name, 0600), errno);
    assert_int_equal(mps_log_open(name), MPS_ESYS);
    unlink(name);
    assert_int_equal(mps_log_fd, -1);
    /* No room for it: the traffic does not notice. */
    assert_int_equal(mps_log_open("/dev/full"), 0);
    mps_log("lost");
    mps_log_close();
}

/* ---- what is unsent ---- */

static struct mps_session *only(struct mps_engine *eng)
{
    assert_int_equal(eng->n_sessions, 1);
    return mps_list_entry(eng->sessions.next, struct mps_session, link);
}

static size_t fill(int fd)
{
    static char data[1 << 16];
    size_t sum = 0;
    ssize_t n;

    while ((n = write(fd, data, sizeof(data))) > 0)
        sum += (size_t)n;
    return sum;
}

struct unsent {
    const struct mps_session *s;
    int all, waiting; /* as the two requests answer */
    bool empty;
};

static bool is_unsent(void *arg)
{
    struct unsent *u = arg;

    assert_int_equal(mps_outq_get(u->s, SIOCOUTQ, &u->all), 0);
    assert_int_equal(mps_outq_get(u->s, SIOCOUTQNSD, &u->waiting), 0);
    assert_in_range(u->waiting, 0, u->all);
    return u->empty ? u->all == 0 : u->all > 0;
}

/*
 * Nothing before, all that was written and not read behind a reader that stops, nothing in the end.
 */
static void expect_outq(struct rig *rig, const struct mps_session *s, int from, int to)
{
    struct unsent u = {.s = s, .empty = true};
    char sink[1 << 16];
    size_t sum = 0, n;
    int bytes;

    assert_true(rig_until(rig, is_unsent, &u, 5));
    assert_int_equal(mps_outq_get(s, SIOCINQ, &bytes), EINVAL);
    sum = fill(from);
    assert_true(sum > 0);
    u.empty = false;
    assert_true(rig_until(rig, is_unsent, &u, 5));
    for (unsigned i = 0; i < 200; i++) {
        rig_run(rig, 0.005);
        n = fill(from);
        sum += n;
        if (n == 0 && i > 20)
            break;
    }
    assert_true(is_unsent(&u));
    assert_in_range(u.all, 1, sum);
    assert_in_range(u.waiting, 1, u.all);
    for (size_t got = 0; got < sum;) {
        ssize_t k = read(to, sink, sizeof(sink));

        if (k > 0)
            got += (size_t)k;
        else
            rig_run(rig, 0.001);
    }
    u.empty = true;
    assert_true(rig_until(rig, is_unsent, &u, 10));
}

static void unsent_multipath(void **state)
{
    struct rig rig;
    int client, server;

    rig_init(&rig, "");
    rig_connect(&rig, &client, &server);
    expect_outq(&rig, only(rig.client), client, server);
    close(client);
    close(server);
    rig_deinit(&rig);
}

static void unsent_plain(void **state)
{
    struct rig rig;
    int tcp, accepted, app;
    uint64_t id;

    rig_init(&rig, "");
    rig_tcp_pair(&rig, &tcp, &accepted);
    app = rig_accepted(&rig, accepted, &id);
    assert_return_code(fcntl(tcp, F_SETFL, O_NONBLOCK), errno);
    assert_int_equal(write(tcp, "plain", 5), 5); /* no HELLO */
    expect_outq(&rig, only(rig.server), app, tcp);
    close(tcp);
    close(app);
    rig_deinit(&rig);
}

/* ---- JSON without memory ---- */

/* The whole is given up; json-c would end the process. */
static void json_lacks(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        struct json_object *root = json_object_new_array(), *o = json_object_new_object();

        mps_json_put(i == 1 ? NULL : o, "member", i == 2 ? NULL : json_object_new_int(1));
        mps_json_append(i == 3 ? NULL : root, json_object_get(o));
        json_object_put(o);
        root = mps_json_whole(root);
        if (i == 0)
            assert_string_equal(json_object_to_json_string_ext(root, 0), "[{\"member\":1}]");
        else
            assert_null(root);
        json_object_put(root);
    }
    assert_true(mps_memfd_json(NULL) < 0);
    assert_int_equal(errno, ENOMEM);
}

/* ---- accepting without descriptors ---- */

struct waiter {
    struct mps_acceptor acceptor;
    unsigned n;
};

static void accepted(void *user, int fd)
{
    struct waiter *w = user;

    w->n++;
    close(fd);
}

static void nothing(struct ev_loop *loop, ev_timer *timer, int revents)
{
}

/* How often the loop woke in so long. */
static unsigned wakes_in(struct ev_loop *loop, double seconds, const unsigned *until)
{
    double end = ev_time() + seconds;
    unsigned wakes = 0;
    ev_timer tick;

    ev_timer_init(&tick, nothing, 0.02, 0.02);
    ev_timer_start(loop, &tick);
    for (; ev_time() < end && (!until || *until == 0); wakes++)
        ev_run(loop, EVRUN_ONCE);
    ev_timer_stop(loop, &tick);
    return wakes;
}

/* Not even the reserve is there: it pauses instead of spinning, and goes on when it can. */
static void accept_pauses(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVBACKEND_EPOLL);
    struct waiter w = {.acceptor = {.fd = -1}};
    struct rlimit before, tight;
    int listener = rig_listen("127.0.0.1", 0, false), dialled, free_fd;

    dialled = rig_dial("127.0.0.1", rig_port(listener), 0);
    wakes_in(loop, 0.01, NULL); /* what the loop opens is open */
    assert_return_code(getrlimit(RLIMIT_NOFILE, &before), errno);
    free_fd = dup(listener);
    close(free_fd);
    tight = before;
    tight.rlim_cur = (rlim_t)free_fd;
    assert_return_code(setrlimit(RLIMIT_NOFILE, &tight), errno);
    mps_acceptor_start(&w.acceptor, loop, listener, accepted, &w);
    assert_in_range(wakes_in(loop, 0.5, NULL), 1, 100); /* the ticks, and a few */
    assert_int_equal(w.n, 0);
    assert_return_code(setrlimit(RLIMIT_NOFILE, &before), errno);
    wakes_in(loop, 5, &w.n);
    assert_int_equal(w.n, 1);
    mps_acceptor_stop(&w.acceptor);
    mps_acceptor_stop(&w.acceptor); /* harmless */
    close(dialled);
    ev_loop_destroy(loop);
}

/* ---- sessions that do not come about ---- */

static void no_session(void **state)
{
    int pair[2], app, open_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct mps_handed req = {.pid = getpid(), .options = "", .options_len = 0};
    struct mps_session *s = NULL;
    struct rig rig;

    rig_init(&rig, "");
    app = rig_end(&req);
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
    for (unsigned i = 0; i < 2; i++) {
        req.fd = i ? open_socket : pair[0]; /* no TCP; not connected */
        assert_true(mps_handed_connected(rig.client, &req, &s) < 0);
        assert_true(mps_handed_accepted(rig.server, &req, &s) < 0);
    }
    req.fd = -1;
    assert_true(mps_handed_connected(rig.client, &req, &s) < 0);
    assert_int_equal(rig.client->n_sessions + rig.server->n_sessions, 0);
    assert_null(s);
    /* The descriptors are still the caller's. */
    assert_int_equal(write(app, "x", 1), 1);
    close(app);
    close(req.end);
    assert_int_equal(write(pair[1], "x", 1), 1);
    close(pair[0]);
    close(pair[1]);
    close(open_socket);
    rig_deinit(&rig);
}

/* One that is taken back leaves the connection as it was. */
static void discarded(void **state)
{
    struct mps_handed req = {.pid = getpid(), .options = "", .options_len = 0};
    struct mps_session *s;
    struct rig rig;
    int tcp, far, copy, fd;
    char c;

    rig_init(&rig, "");
    rig_tcp_pair(&rig, &tcp, &far);
    copy = dup(far);
    req.fd = far;
    fd = rig_end(&req);
    assert_int_equal(mps_handed_accepted(rig.server, &req, &s), 0);
    mps_handed_discard(s);
    assert_int_equal(rig.server->n_sessions, 0);
    assert_true(read(fd, &c, 1) <= 0 && errno != EAGAIN); /* nobody is at the other end */
    close(fd);
    assert_int_equal(write(tcp, "y", 1), 1);
    assert_int_equal(read(copy, &c, 1), 1);
    assert_int_equal(c, 'y');
    close(copy);
    close(tcp);
    rig_deinit(&rig);
}

static int make_directory(void **state)
{
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/log", directory);
    snprintf(other, sizeof(other), "%s/other", directory);
    return 0;
}

static int remove_directory(void **state)
{
    unlink(path);
    unlink(other);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_lines),        cmocka_unit_test(log_in_vain),
        cmocka_unit_test(unsent_multipath), cmocka_unit_test(unsent_plain),
        cmocka_unit_test(json_lacks),       cmocka_unit_test(accept_pauses),
        cmocka_unit_test(no_session),       cmocka_unit_test(discarded),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
