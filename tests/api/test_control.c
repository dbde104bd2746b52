/* SPDX-License-Identifier: MIT */
/* A connection is changed by its program while it lives, and tells its events. A real agent, over
 * 127.0.0.1 and its neighbours, both ends in this process. */
#include "../lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "mptcpshim/mptcpshim.h"

#define WAIT_MS 8000

struct pair {
    struct sockaddr_storage local;
    struct sockaddr_in at;
    struct mptcpshim_options opts;
    int listener, client, server;
};

static struct sockaddr_in loopback(unsigned last)
{
    struct sockaddr_in a = {.sin_family = AF_INET};

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + last - 1);
    return a;
}

#define AT(a) (const struct sockaddr *)&(a), sizeof(a)

/* Both begin with 127.0.0.1 only. */
static void pair_open(struct pair *p, unsigned at_accept)
{
    socklen_t len = sizeof(p->at);
    struct mptcpshim_options opts;

    p->at = loopback(1);
    memset(&p->local, 0, sizeof(p->local));
    memcpy(&p->local, &p->at, sizeof(p->at));
    mptcpshim_options_init(&p->opts, sizeof(p->opts));
    p->opts.local = &p->local;
    p->opts.n_local = 1;
    p->listener = mptcpshim_listen(AT(p->at), 5, SOCK_CLOEXEC, &p->opts);
    assert_true(p->listener >= 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&p->at, &len), 0);
    p->client = mptcpshim_connect(AT(p->at), SOCK_CLOEXEC, &p->opts);
    assert_true(p->client >= 0);
    opts = p->opts;
    opts.flags = at_accept;
    p->server = mptcpshim_accept(p->listener, NULL, NULL, SOCK_CLOEXEC, &opts);
    assert_true(p->server >= 0);
}

static void pair_close(struct pair *p)
{
    close(p->client);
    close(p->server);
    close(p->listener);
}

static void transfer(int from, int to)
{
    char in[64], out[64] = "data";

    assert_int_equal(send(from, out, sizeof(out), 0), sizeof(out));
    assert_int_equal(recv(to, in, sizeof(in), MSG_WAITALL), sizeof(in));
    assert_memory_equal(in, out, sizeof(in));
}

/* The subflows from there, with these flags; all of them if `from` is 0. */
static int count(int fd, unsigned from, uint32_t flags)
{
    const struct sockaddr_in wanted = loopback(from);
    struct mptcpshim_subflow list[8];
    int n = mptcpshim_subflows(fd, list, 8), found = 0;

    assert_true(n >= 0 && n <= 8);
    for (int i = 0; i < n; i++) {
        const struct sockaddr_in *local = (const struct sockaddr_in *)&list[i].local;

        found += list[i].state == MPTCPSHIM_ESTABLISHED && (list[i].flags & flags) == flags &&
                 (from == 0 || local->sin_addr.s_addr == wanted.sin_addr.s_addr);
    }
    return found;
}

static bool comes(int fd, unsigned from, uint32_t flags, int wanted)
{
    for (int ms = 0; ms < WAIT_MS; ms += 5) {
        if (count(fd, from, flags) == wanted)
            return true;
        poll(NULL, 0, 5);
    }
    return false;
}

static int watch(int fd)
{
    int events = mptcpshim_events(fd, SOCK_CLOEXEC);

    assert_true(events >= 0);
    return events;
}

/* The next event is waited for, up to a limit. */
static void expect(int events, int32_t type, struct mptcpshim_event *ret)
{
    struct pollfd pfd = {.fd = events, .events = POLLIN};

    do {
        assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
        assert_int_equal(mptcpshim_next_event(events, ret, sizeof(*ret)), 1);
    } while (ret->type == MPTCPSHIM_EVENT_ADDRESS_ANNOUNCED ||
             ret->type == MPTCPSHIM_EVENT_ADDRESS_REMOVED);
    assert_int_equal(ret->type, type);
}

static void test_scheduler(void **state)
{
    struct mptcpshim_stats stats;
    struct pair p;

    pair_open(&p, 0);
    assert_int_equal(mptcpshim_set_scheduler(p.client, "redundant"), 0);
    assert_int_equal(mptcpshim_get_stats(p.client, &stats), 0);
    assert_string_equal(stats.scheduler, "redundant");
    assert_int_equal(mptcpshim_set_scheduler(p.server, "minrtt"), 0);
    transfer(p.client, p.server);
    assert_int_equal(mptcpshim_get_stats(p.server, &stats), 0);
    assert_string_equal(stats.scheduler, "minrtt");
    pair_close(&p);
}

static void test_refusals(void **state)
{
    const struct sockaddr_in any = {.sin_family = AF_INET}, elsewhere = loopback(1);
    struct sockaddr_in foreign = {.sin_family = AF_INET}, second = loopback(2);
    int plain = socket(AF_INET, SOCK_STREAM, 0), file = open("/dev/null", O_RDONLY);
    struct mptcpshim_event event;
    struct pair p;

    assert_int_equal(inet_pton(AF_INET, "192.0.2.77", &foreign.sin_addr), 1);
    pair_open(&p, 0);
    transfer(p.client, p.server);
#define REFUSED(call, error)                                                                       \
    assert_int_equal(call, -1);                                                                    \
    assert_int_equal(errno, error)
    REFUSED(mptcpshim_set_scheduler(p.client, "fastest"), EINVAL);
    REFUSED(mptcpshim_set_scheduler(p.client, "minrtt x"), EINVAL);
    REFUSED(mptcpshim_set_scheduler(p.client, NULL), EINVAL);
    REFUSED(mptcpshim_set_scheduler(plain, "minrtt"), EOPNOTSUPP);
    REFUSED(mptcpshim_set_scheduler(file, "minrtt"), ENOTSOCK);
    REFUSED(mptcpshim_set_scheduler(-1, "minrtt"), EBADF);
    REFUSED(mptcpshim_add_address(p.client, AT(any)), EINVAL);
    REFUSED(mptcpshim_add_address(p.client, NULL, 16), EINVAL);
    REFUSED(mptcpshim_add_address(p.client, (const struct sockaddr *)&second, 4), EINVAL);
    REFUSED(mptcpshim_add_address(p.client, AT(foreign)), EADDRNOTAVAIL);
    REFUSED(mptcpshim_add_address(plain, AT(second)), EOPNOTSUPP);
    REFUSED(mptcpshim_remove_address(p.client, AT(elsewhere)), EBUSY);
    REFUSED(mptcpshim_set_backup(p.client, AT(elsewhere), 2), EINVAL);
    REFUSED(mptcpshim_set_weight(p.client, AT(elsewhere), 0), EINVAL);
    REFUSED(mptcpshim_set_weight(p.client, AT(elsewhere), 101), EINVAL);
    REFUSED(mptcpshim_set_weight(p.client, AT(foreign), 5), EADDRNOTAVAIL);
    REFUSED(mptcpshim_events(p.client, 1), EINVAL);
    REFUSED(mptcpshim_events(plain, 0), EOPNOTSUPP);
    REFUSED(mptcpshim_events(-1, 0), EBADF);
    REFUSED(mptcpshim_next_event(-1, &event, sizeof(event)), EBADF);
    REFUSED(mptcpshim_next_event(plain, &event, 8), EINVAL);
    assert_int_equal(count(p.client, 0, 0), 1);
    transfer(p.client, p.server);
    close(plain);
    close(file);
    pair_close(&p);
}

/* RFC 6897, TCP_MULTIPATH_ADD and TCP_MULTIPATH_REMOVE, told by events. */
static void test_addresses(void **state)
{
    const struct sockaddr_in first = loopback(1), second = loopback(2);
    struct mptcpshim_event event;
    struct pair p;
    int events;

    pair_open(&p, 0);
    transfer(p.client, p.server);
    events = watch(p.client);
    expect(events, MPTCPSHIM_EVENT_ESTABLISHED, &event);
    assert_memory_equal(&event.remote, &p.at, sizeof(p.at));
    expect(events, MPTCPSHIM_EVENT_SUBFLOW_UP, &event);
    assert_int_equal(event.subflow, 0);

    assert_int_equal(mptcpshim_add_address(p.client, AT(second)), 0);
    expect(events, MPTCPSHIM_EVENT_SUBFLOW_UP, &event);
    assert_int_not_equal(event.subflow, 0);
    assert_int_equal(((struct sockaddr_in *)&event.local)->sin_addr.s_addr, second.sin_addr.s_addr);
    assert_true(comes(p.client, 2, 0, 1));
    assert_int_equal(mptcpshim_set_weight(p.client, AT(second), 7), 0);

    /* The first one goes, the second carries. */
    assert_int_equal(mptcpshim_remove_address(p.client, AT(first)), 0);
    expect(events, MPTCPSHIM_EVENT_SUBFLOW_DOWN, &event);
    assert_int_equal(event.subflow, 0);
    assert_true(strlen(event.reason) > 0);
    transfer(p.client, p.server);
    transfer(p.server, p.client);
    assert_int_equal(count(p.client, 1, 0), 0);
    assert_int_equal(mptcpshim_remove_address(p.client, AT(second)), -1);
    assert_int_equal(errno, EBUSY);

    close(p.client);
    close(p.server);
    expect(events, MPTCPSHIM_EVENT_SUBFLOW_DOWN, &event);
    expect(events, MPTCPSHIM_EVENT_CLOSED, &event);
    assert_string_equal(event.reason, "finished");
    assert_int_equal(mptcpshim_next_event(events, &event, sizeof(event)), 0);
    close(events);
    close(p.listener);
}

/* The peer hears of it, too. */
static void test_backup(void **state)
{
    const struct sockaddr_in second = loopback(2);
    struct mptcpshim_event event;
    struct pair p;
    int events;

    pair_open(&p, 0);
    transfer(p.client, p.server);
    assert_int_equal(mptcpshim_add_address(p.client, AT(second)), 0);
    assert_true(comes(p.server, 0, 0, 2));
    events = watch(p.server);
    expect(events, MPTCPSHIM_EVENT_ESTABLISHED, &event);
    expect(events, MPTCPSHIM_EVENT_SUBFLOW_UP, &event);
    expect(events, MPTCPSHIM_EVENT_SUBFLOW_UP, &event);
    assert_int_equal(mptcpshim_set_backup(p.client, AT(second), 1), 0);
    expect(events, MPTCPSHIM_EVENT_SUBFLOW_PRIORITY, &event);
    assert_int_equal(event.flags, MPTCPSHIM_SUBFLOW_BACKUP | MPTCPSHIM_EVENT_BY_PEER);
    assert_int_not_equal(event.subflow, 0);
    assert_true(comes(p.client, 2, MPTCPSHIM_SUBFLOW_BACKUP, 1));
    assert_int_equal(mptcpshim_set_backup(p.client, AT(second), 0), 0);
    expect(events, MPTCPSHIM_EVENT_SUBFLOW_PRIORITY, &event);
    assert_int_equal(event.flags, MPTCPSHIM_EVENT_BY_PEER);
    close(events);
    pair_close(&p);
}

static void test_plain(void **state)
{
    const struct sockaddr_in second = loopback(2);
    struct mptcpshim_event event;
    struct pair p;
    int events;

    pair_open(&p, MPTCPSHIM_OFF);
    events = mptcpshim_events(p.client, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(events >= 0);
    assert_true(fcntl(events, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(events, F_GETFD) & FD_CLOEXEC);
    expect(events, MPTCPSHIM_EVENT_PLAIN, &event);
    assert_true(strlen(event.reason) > 0);
    assert_int_equal(mptcpshim_next_event(events, &event, sizeof(event)), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(mptcpshim_set_scheduler(p.client, "minrtt"), -1);
    assert_int_equal(errno, EOPNOTSUPP);
    assert_int_equal(mptcpshim_add_address(p.client, AT(second)), -1);
    assert_int_equal(errno, EOPNOTSUPP);
    transfer(p.client, p.server);
    /* Whoever comes later is told the same. */
    close(events);
    events = watch(p.client);
    assert_false(fcntl(events, F_GETFL) & O_NONBLOCK);
    expect(events, MPTCPSHIM_EVENT_PLAIN, &event);
    close(events);
    pair_close(&p);
}

/* Reads what there is, or, if `end`, all until the connection's end; adds up what was told. */
static void drain(int events, bool end, unsigned *told, unsigned *lost)
{
    struct pollfd pfd = {.fd = events, .events = POLLIN};
    struct mptcpshim_event event;
    int r;

    do {
        if (end)
            assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
        r = mptcpshim_next_event(events, &event, sizeof(event));
        *told += r == 1 && event.type != MPTCPSHIM_EVENT_LOST;
        *lost += r == 1 ? event.lost : 0;
    } while (r == 1);
    assert_int_equal(r, end ? 0 : -1);
}

/* One watcher reads nothing: the connection goes on, and what was lost is told. Another one reads
 * all: changes in a row may be one event. */
static void test_loss(void **state)
{
    const struct sockaddr_in first = loopback(1);
    struct mptcpshim_event event;
    struct pollfd pfd = {.events = POLLIN};
    unsigned told = 0, missed = 0, read = 0, lost = 0;
    struct pair p;
    int idle, busy;

    pair_open(&p, 0);
    transfer(p.client, p.server);
    idle = watch(p.client);
    busy = mptcpshim_events(p.client, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(busy >= 0);
    for (int i = 0; told < 600 && i < 100000; i++) {
        assert_int_equal(mptcpshim_set_backup(p.client, AT(first), i % 2 == 0), 0);
        drain(busy, false, &told, &missed);
    }
    transfer(p.client, p.server);
    pfd.fd = idle;
    while (lost == 0) {
        assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
        assert_int_equal(mptcpshim_next_event(idle, &event, sizeof(event)), 1);
        lost += event.lost;
        read += lost == 0;
    }
    assert_int_equal(event.type, MPTCPSHIM_EVENT_LOST);
    assert_true(read >= 64);
    /* From here on nothing is missing again. */
    close(p.client);
    close(p.server);
    drain(idle, true, &read, &lost);
    drain(busy, true, &told, &missed);
    assert_int_equal(missed, 0);
    assert_int_equal(read + lost, told);
    close(idle);
    close(busy);
    close(p.listener);
}

/* Watchers are few, and one that has gone leaves its place to another. */
static void test_watchers(void **state)
{
    struct pair p;
    int events[5];

    pair_open(&p, 0);
    for (int i = 0; i < 4; i++)
        events[i] = watch(p.client);
    assert_int_equal(mptcpshim_events(p.client, 0), -1);
    assert_int_equal(errno, ENOBUFS);
    close(events[2]);
    for (int ms = 0; ms < WAIT_MS; ms += 5) {
        events[2] = mptcpshim_events(p.client, SOCK_CLOEXEC);
        if (events[2] >= 0)
            break;
        poll(NULL, 0, 5);
    }
    assert_true(events[2] >= 0);
    for (int i = 0; i < 4; i++)
        close(events[i]);
    transfer(p.client, p.server);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scheduler), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_backup),
        cmocka_unit_test(test_plain),     cmocka_unit_test(test_loss),
        cmocka_unit_test(test_watchers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
