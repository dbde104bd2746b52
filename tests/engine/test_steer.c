/* SPDX-License-Identifier: MIT */
/* Joins at the application's port, and the life of its listener. */
#include "rig.h"
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine/agent/clock.h"
#include "engine/net/sock.h"
#include "handover/marks.h"

struct counter {
    struct ev_loop *loop;
    struct mps_steer steer;
    unsigned joins, dropped;
};

static void count_join(struct mps_steer *steer, int fd)
{
    ((struct counter *)steer->user)->joins++;
    close(fd);
}

static void count_dropped(struct mps_steer *steer, uint16_t port)
{
    ((struct counter *)steer->user)->dropped++;
}

static void counter_init(struct counter *c)
{
    memset(c, 0, sizeof(*c));
    c->loop = ev_loop_new(EVBACKEND_EPOLL);
    mps_steer_init(&c->steer, c->loop, count_join, count_dropped, c);
}

static void counter_deinit(struct counter *c)
{
    mps_steer_deinit(&c->steer);
    ev_loop_destroy(c->loop);
}

static unsigned accept_all(int listener)
{
    unsigned n = 0;
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        close(fd);
        n++;
    }
    return n;
}

/* Run until the listener's queue and ours were emptied into the counts. */
static void settle(struct counter *c, int listener, unsigned want_joins, unsigned want_plain,
                   unsigned *plain)
{
    mps_time_t end = mps_clock_now() + 5 * MPS_SEC;

    while ((c->joins < want_joins || *plain < want_plain) && mps_clock_now() < end) {
        ev_run(c->loop, EVRUN_NOWAIT);
        *plain += accept_all(listener);
    }
}

static void steers(const char *bind_to, const char *dial)
{
    unsigned plain = 0;
    struct counter c;
    int listener = rig_listen(bind_to, 0, true);
    uint16_t port = rig_port(listener);

    counter_init(&c);
    assert_int_equal(mps_steer_add(&c.steer, listener, getpid(), true), 0);
    assert_int_equal(c.steer.n_entries, 1);
    for (unsigned i = 1; i <= 100; i++) {
        int j = rig_dial(dial, port, MPS_MARK_JOIN);
        int l = rig_dial(dial, port, MPS_MARK_JOIN_LARGE);
        int p = rig_dial(dial, port, i % 2 ? 0 : MPS_MARK_CONNECT);

        assert_true(mps_marks_synack_is(j, MPS_MARK_AGENT));
        assert_true(mps_marks_synack_is(l, MPS_MARK_AGENT));
        assert_int_equal(mps_sock_peer_mss(l), MPS_MARK_AGENT_LARGE);
        assert_false(mps_marks_synack_is(p, MPS_MARK_AGENT));
        settle(&c, listener, 2 * i, i, &plain);
        close(j);
        close(l);
        close(p);
        assert_int_equal(c.joins, 2 * i);
        assert_int_equal(plain, i);
    }
    counter_deinit(&c);
    /* Without us everything is the application's again, marked or not. */
    plain = 0;
    for (unsigned i = 0; i < 10; i++)
        close(rig_dial(dial, port, MPS_MARK_JOIN));
    while (plain < 10 && rig_poll(listener, POLLIN))
        plain += accept_all(listener);
    assert_int_equal(plain, 10);
    close(listener);
}

static void test_steering_specific(void **state)
{
    steers("127.0.0.1", "127.0.0.1");
}

static void test_steering_wildcard(void **state)
{
    steers("0.0.0.0", "127.0.0.3");
}

static void test_steering_ipv6(void **state)
{
    steers("::1", "::1");
}

static void test_steering_dual_stack(void **state)
{
    steers("::", "::1");
    steers("::", "127.0.0.1");
}

static bool covers(const struct mps_steer *steer, const struct mps_addr *addr)
{
    struct mps_steered list[MPS_LSWATCH_MAX];

    return mps_steered_cover(list, mps_steer_list(steer, list), addr);
}

/* A port that is not shared by its owner cannot be steered; that is no error. */
static void test_not_shared(void **state)
{
    struct counter c;
    int listener = rig_listen("127.0.0.1", 0, false);
    struct mps_addr addr = {
        .family = MPS_AF_INET, .port = rig_port(listener), .ip = {127, 0, 0, 1}};

    counter_init(&c);
    assert_int_equal(mps_steer_add(&c.steer, listener, getpid(), true), 0);
    assert_false(covers(&c.steer, &addr));
    assert_int_equal(c.steer.n_entries, 1);
    assert_int_equal(mps_steer_add(&c.steer, listener, getpid(), true), 0);
    assert_int_equal(c.steer.n_entries, 1);
    close(listener);
    assert_int_equal(mps_steer_recheck(&c.steer), 1);
    counter_deinit(&c);
}

static void test_covers(void **state)
{
    struct counter c;
    int any = rig_listen("0.0.0.0", 0, true), one = rig_listen("127.0.0.1", 0, true);
    struct mps_addr a = {.family = MPS_AF_INET, .port = rig_port(any), .ip = {10, 0, 0, 1}};
    struct mps_addr b = {.family = MPS_AF_INET, .port = rig_port(one), .ip = {127, 0, 0, 2}};
    struct mps_addr six = {.family = MPS_AF_INET6, .port = rig_port(any), .ip = {0x20, 1}};

    counter_init(&c);
    assert_int_equal(mps_steer_add(&c.steer, any, getpid(), true), 0);
    assert_int_equal(mps_steer_add(&c.steer, one, getpid(), true), 0);
    assert_true(covers(&c.steer, &a));
    assert_false(covers(&c.steer, &b));
    assert_false(covers(&c.steer, &six));
    b.ip[3] = 1;
    assert_true(covers(&c.steer, &b));
    close(any);
    close(one);
    counter_deinit(&c);
}

/* Until the listener is found to be gone. */
static void await_end(struct counter *c)
{
    mps_time_t end = mps_clock_now() + 5 * MPS_SEC;

    while (c->steer.n_entries > 0 && mps_clock_now() < end)
        ev_run(c->loop, EVRUN_ONCE);
    assert_int_equal(c->steer.n_entries, 0);
    assert_int_equal(c->dropped, 1);
}

/* The watch sees the last reference go, not the first; then the port is free at once. */
static void test_listener_goes_by_timer(void **state)
{
    struct counter c;
    int listener = rig_listen("127.0.0.1", 0, true), copy = dup(listener);
    uint16_t port = rig_port(listener);

    counter_init(&c);
    assert_int_equal(mps_steer_add(&c.steer, listener, getpid(), true), 0);
    close(listener);
    assert_int_equal(mps_steer_recheck(&c.steer), 0);
    close(copy);
    await_end(&c);
    close(rig_listen("127.0.0.1", port, false));
    counter_deinit(&c);
}

/* Other listeners, which come more often than looks are due, do not put the look off. */
static void test_listener_goes_among_newcomers(void **state)
{
    struct counter c;
    int listener = rig_listen("127.0.0.1", 0, true);

    counter_init(&c);
    assert_int_equal(mps_steer_add(&c.steer, listener, getpid(), true), 0);
    close(listener);
    for (unsigned i = 0; i < 100 && c.dropped == 0; i++) {
        mps_time_t end = mps_clock_now() + 10 * MPS_MSEC;
        int next = rig_listen("127.0.0.1", 0, true);

        assert_int_equal(mps_steer_add(&c.steer, next, getpid(), true), 0);
        close(next);
        while (mps_clock_now() < end)
            ev_run(c.loop, EVRUN_NOWAIT);
    }
    assert_true(c.dropped > 0);
    counter_deinit(&c);
}

/* A process that has every descriptor of this one until it is killed. */
static pid_t bystander(void)
{
    pid_t pid = fork();

    assert_return_code(pid, errno);
    while (pid == 0)
        pause();
    return pid;
}

static void end_bystander(pid_t pid)
{
    assert_return_code(kill(pid, SIGKILL), errno);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_listener_goes_with_its_process(void **state)
{
    struct counter c;
    int listener = rig_listen("127.0.0.1", 0, true);
    pid_t pid = bystander();

    counter_init(&c);
    assert_int_equal(mps_steer_add(&c.steer, listener, pid, true), 0);
    ev_timer_stop(c.loop, &c.steer.timer);
    close(listener);
    ev_run(c.loop, EVRUN_NOWAIT);
    assert_int_equal(c.steer.n_entries, 1);
    end_bystander(pid);
    await_end(&c);
    counter_deinit(&c);
}

/* A daemon: the process that called listen() ends, another one has the listener. */
static void test_listener_is_inherited(void **state)
{
    struct counter c;
    int listener = rig_listen("127.0.0.1", 0, true);
    pid_t first = bystander(), heir = bystander();
    double held;

    counter_init(&c);
    assert_int_equal(mps_steer_add(&c.steer, listener, first, true), 0);
    held = c.steer.timer.repeat;
    close(listener);
    end_bystander(first);
    while (c.steer.timer.repeat == held)
        ev_run(c.loop, EVRUN_ONCE);
    assert_int_equal(c.steer.n_entries, 1);
    assert_true(c.steer.timer.repeat > 0. && c.steer.timer.repeat < held);
    end_bystander(heir);
    await_end(&c);
    counter_deinit(&c);
}

/* Of a process that cannot be watched: looked at as often as an inherited one. */
static void test_holder_unknown(void **state)
{
    struct counter c;
    int listener = rig_listen("127.0.0.1", 0, true);

    counter_init(&c);
    assert_int_equal(mps_steer_add(&c.steer, listener, 0, true), 0);
    assert_false(mps_holder_is_watched(
        &mps_list_entry(c.steer.entries.next, struct mps_steer_entry, link)->holder));
    close(listener);
    await_end(&c);
    counter_deinit(&c);
}

/* A server that shares its port, of the same user, does not get into one that does not. */
static void newcomer(const char *bind_to)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    int listener = rig_listen(bind_to, 0, true),
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct counter c;

    counter_init(&c);
    assert_int_equal(mps_steer_add(&c.steer, listener, getpid(), true), 0);
    assert_true(mps_sock_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1));
    assert_true(mps_sock_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1));
    assert_int_equal(inet_pton(AF_INET, bind_to, &sin.sin_addr), 1);
    sin.sin_port = htons(rig_port(listener));
    assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), -1);
    assert_int_equal(errno, EADDRINUSE);
    counter_deinit(&c);
    close(listener);
    /* The port is free again. */
    assert_return_code(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), errno);
    close(fd);
}

static void test_newcomer(void **state)
{
    newcomer("127.0.0.1");
    newcomer("0.0.0.0");
}

/* ---- where netlink is refused ---- */

/* As RestrictAddressFamilies= of systemd without AF_NETLINK, for this process and its children. */
static bool refuse_netlink(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0 &&
           socket(AF_NETLINK, SOCK_RAW, 0) < 0;
}

/* What watches listeners, once more. */
static int run_without_netlink(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listener_goes_with_its_process),
        cmocka_unit_test(test_listener_goes_by_timer),
        cmocka_unit_test(test_listener_is_inherited),
        cmocka_unit_test(test_holder_unknown),
    };

    return refuse_netlink() ? cmocka_run_group_tests(tests, NULL, NULL) : 99;
}

static void test_without_netlink(void **state)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        execl("/proc/self/exe", "test_steer", "without-netlink", (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* A program that listens at one address: which ones are no business of its peers. */
static void bound_to_one(void **state)
{
    struct mps_addr any = {.family = MPS_AF_INET, .port = 80};
    struct mps_addr one = {.family = MPS_AF_INET, .port = 80, .ip = {192, 0, 2, 1}}, other = one;
    struct mps_addr any6 = {.family = MPS_AF_INET6, .port = 80};
    struct mps_steered list[2] = {{.addr = one}};

    assert_true(mps_steered_bound(list, 1, &one));
    other.ip[3] = 2; /* of an unknown listener */
    assert_false(mps_steered_bound(list, 1, &other));
    other = one;
    other.port = 81;
    assert_false(mps_steered_bound(list, 1, &other));
    assert_false(mps_steered_bound(list, 0, &one));
    list[1].addr = any;
    assert_false(mps_steered_bound(list, 2, &one));
    list[1].addr = any6;
    assert_false(mps_steered_bound(list, 2, &one));
    list[1].v6_only = true;
    assert_true(mps_steered_bound(list, 2, &one));
    /* Where the port is only watched no join comes. */
    assert_false(mps_steered_cover(list, 2, &one));
    list[0].steered = true;
    assert_true(mps_steered_cover(list, 2, &one));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bound_to_one),
        cmocka_unit_test(test_steering_specific),
        cmocka_unit_test(test_steering_wildcard),
        cmocka_unit_test(test_steering_ipv6),
        cmocka_unit_test(test_steering_dual_stack),
        cmocka_unit_test(test_not_shared),
        cmocka_unit_test(test_newcomer),
        cmocka_unit_test(test_covers),
        cmocka_unit_test(test_listener_goes_with_its_process),
        cmocka_unit_test(test_listener_goes_among_newcomers),
        cmocka_unit_test(test_listener_goes_by_timer),
        cmocka_unit_test(test_listener_is_inherited),
        cmocka_unit_test(test_holder_unknown),
        cmocka_unit_test(test_without_netlink),
    };

    if (argc > 1)
        return run_without_netlink();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
