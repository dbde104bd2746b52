/* SPDX-License-Identifier: MIT */
/* Addresses and routes that come and go, in a network namespace of its own. */
#include "test.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine/paths/netaddr.h"

struct seen {
    unsigned addresses, routes;
    struct mps_route last;
    bool any;
};

static void on_addresses(struct mps_netaddr *netaddr)
{
    struct seen *seen = netaddr->user;

    seen->addresses++;
}

static void on_route(struct mps_netaddr *netaddr, const struct mps_route *route)
{
    struct seen *seen = netaddr->user;

    seen->routes++;
    seen->last = *route;
    seen->any |= route->prefix_len == 0 && route->ifindex == 0;
}

static const struct mps_netaddr_ops ops = {on_addresses, on_route};

static void ip(const char *arguments)
{
    char command[512];

    snprintf(command, sizeof(command), "ip %s", arguments);
    assert_int_equal(system(command), 0);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int revents)
{
}

/* Run the loop until *counter is at least `wanted`; false after 5 s. */
static bool until(struct ev_loop *loop, const unsigned *counter, unsigned wanted)
{
    double end = ev_time() + 5;
    ev_timer tick;

    ev_timer_init(&tick, on_tick, 0.01, 0.01);
    ev_timer_start(loop, &tick);
    while (*counter < wanted && ev_time() < end)
        ev_run(loop, EVRUN_ONCE);
    ev_timer_stop(loop, &tick);
    return *counter >= wanted;
}

static bool has(const struct mps_netaddr_list *list, uint8_t last, const char *ifname)
{
    for (unsigned i = 0; i < list->n; i++) {
        if (list->entry[i].addr.family == MPS_AF_INET && list->entry[i].addr.ip[3] == last)
            return strcmp(list->entry[i].ifname, ifname) == 0;
    }
    return false;
}

static void test_events(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVBACKEND_EPOLL);
    struct seen seen = {0};
    struct mps_netaddr netaddr;

    ip("link add v0 type veth peer name v1");
    ip("link set v0 up");
    ip("link set v1 up");
    assert_int_equal(mps_netaddr_init(&netaddr, loop, &ops, &seen), 0);
    ip("address add 10.1.0.7/24 dev v0");
    assert_true(until(loop, &seen.addresses, 1));
    assert_true(has(&netaddr.now, 7, "v0"));
    assert_string_equal(mps_netaddr_ifname(&netaddr.now, 0, &netaddr.now.entry[1].addr),
                        netaddr.now.entry[1].ifname);

    /* A default route comes and goes: the addresses are the same, and nobody is told otherwise. */
    until(loop, &seen.routes, 1);
    seen = (struct seen){0};
    ip("route add default via 10.1.0.1");
    assert_true(until(loop, &seen.routes, 1));
    assert_int_equal(seen.last.prefix_len, 0);
    assert_int_equal(seen.last.dst.family, MPS_AF_INET);
    assert_true(seen.last.ifindex != 0);
    assert_false(seen.last.gone);
    ip("route add 10.77.0.0/16 via 10.1.0.1");
    assert_true(until(loop, &seen.routes, 2));
    assert_int_equal(seen.last.prefix_len, 16);
    assert_int_equal(seen.last.dst.ip[1], 77);
    ip("route del default");
    assert_true(until(loop, &seen.routes, 3));
    assert_int_equal(seen.last.prefix_len, 0);
    assert_true(seen.last.gone);
    assert_int_equal(seen.addresses, 0);

    ip("address del 10.1.0.7/24 dev v0");
    assert_true(until(loop, &seen.addresses, 1));
    assert_false(has(&netaddr.now, 7, "v0"));
    mps_netaddr_deinit(&netaddr);
    ip("link del v0");
    ev_loop_destroy(loop);
}

static void add_many(const char *what, const char *where)
{
    char name[] = "/tmp/mps-netaddr-XXXXXX", command[256];
    FILE *file = fdopen(mkstemp(name), "w");

    assert_non_null(file);
    for (unsigned i = 0; i < 400; i++)
        fprintf(file, "%s add 10.%u.%u.9/32 dev %s\n", what, 100 + i / 250, i % 250, where);
    fclose(file);
    snprintf(command, sizeof(command), "-batch %s", name);
    ip(command);
    unlink(name);
}

/* Notifications are lost (ENOBUFS): everything is looked at again, and any route may be new. */
static void test_lost_notifications(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVBACKEND_EPOLL);
    struct seen seen = {0};
    struct mps_netaddr netaddr;
    int small = 4096;

    ip("link add v0 type veth peer name v1");
    ip("link set v0 up");
    ip("link set v1 up");
    assert_int_equal(mps_netaddr_init(&netaddr, loop, &ops, &seen), 0);
    assert_return_code(
        setsockopt(mnl_socket_get_fd(netaddr.nl), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)),
        errno);
    add_many("route", "v0");
    ip("address add 10.1.0.7/24 dev v0"); /* this one is not heard of */
    assert_true(until(loop, &seen.addresses, 1));
    assert_true(has(&netaddr.now, 7, "v0"));
    assert_true(seen.any);
    assert_true(seen.routes <= MPS_NETADDR_ROUTES);
    mps_netaddr_deinit(&netaddr);
    ip("link del v0");
    ev_loop_destroy(loop);
}

/* So many addresses that a dump takes several reads, and another process that changes them. */
static void test_interrupted_dump(void **state)
{
    struct mps_netaddr_list list;
    unsigned failed = 0;
    pid_t child;

    ip("link add v0 type veth peer name v1");
    ip("link set v0 up");
    ip("link set v1 up");
    ip("address add 10.1.0.7/24 dev v1");
    add_many("address", "v0");
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execlp("sh", "sh", "-c",
               "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do"
               " echo address add 10.2.0.$i/32 dev v1; echo address del 10.2.0.$i/32 dev v1;"
               "done >\"$0\"; while :; do ip -batch \"$0\"; done",
               "/tmp/mps-netaddr-churn", (char *)NULL);
        _exit(127);
    }
    for (unsigned i = 0; i < 1000; i++)
        failed += mps_netaddr_dump(&list) < 0;
    assert_return_code(kill(child, SIGTERM), errno);
    waitpid(child, NULL, 0);
    unlink("/tmp/mps-netaddr-churn");
    assert_int_equal(failed, 0);
    ip("link del v0");
}

/* A host of containers: the last of many interfaces counts as the first. */
static void test_many_interfaces(void **state)
{
    char name[] = "/tmp/mps-netaddr-XXXXXX", command[256];
    FILE *file = fdopen(mkstemp(name), "w");
    struct mps_netaddr_list list;

    assert_non_null(file);
    for (unsigned i = 0; i < 150; i++)
        fprintf(file, "link add a%u type veth peer name b%u\nlink set a%u up\nlink set b%u up\n", i,
                i, i, i);
    fprintf(file, "link add late type veth peer name far\nlink set late up\nlink set far up\n");
    fclose(file);
    snprintf(command, sizeof(command), "-batch %s", name);
    ip(command);
    unlink(name);
    add_many("address", "a0");
    ip("address add 10.1.0.7/24 dev late");
    assert_int_equal(mps_netaddr_dump(&list), 0);
    assert_true(has(&list, 7, "late"));
    /* What has no place is counted. */
    assert_in_range(list.n + list.left_out, 401, 403); /* with those of lo */
    assert_true(list.left_out > 0);
}

/* A map of one user: root, so that a user may do all this, too. */
static bool map_root(unsigned uid)
{
    char text[32];
    int fd = open("/proc/self/uid_map", O_WRONLY), n = snprintf(text, sizeof(text), "0 %u 1", uid);
    bool done = fd >= 0 && write(fd, text, (size_t)n) == n;

    if (fd >= 0)
        close(fd);
    return done;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_lost_notifications),
        cmocka_unit_test(test_interrupted_dump),
        cmocka_unit_test(test_many_interfaces),
    };
    unsigned uid = geteuid();

    if (unshare(CLONE_NEWNET) < 0 &&
        (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 || !map_root(uid))) {
        fprintf(stderr, "SKIP: no network namespace: %s\n", strerror(errno));
        return 77;
    }
    if (system("ip link set lo up && ip link add v0 type veth peer name v1 && ip link del v0") !=
        0) {
        fputs("SKIP: no veth or no ip(8)\n", stderr);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
