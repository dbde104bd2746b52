/* SPDX-License-Identifier: MIT */
/* The engine's small parts, one by one. */
#include "rig.h"
#include "config/options.h"
#include "test.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/paths/pm.h"
#include "core/sched/sched.h"
#include "engine/agent/clock.h"
#include "engine/net/connector.h"
#include "engine/net/crypto_openssl.h"
#include "engine/connection/pacing.h"
#include "engine/joins/claimants.h"
#include "engine/paths/pathmem.h"
#include "engine/agent/peers.h"
#include "engine/net/sock.h"
#include "engine/connection/sockopts.h"

/* ---- options ---- */

static unsigned n_bad;
static char last_why[64];

static void count_bad(const char *word, const char *why)
{
    n_bad++;
    snprintf(last_why, sizeof(last_why), "%s", why);
}

static unsigned parse(struct mps_options *opt, const char *text)
{
    unsigned n;

    n_bad = 0;
    mps_options_init(opt);
    n = mps_options_parse(opt, text, strlen(text), count_bad);
    assert_int_equal(n, n_bad);
    return n;
}

static void test_options(void **state)
{
    struct mps_options opt;

    assert_int_equal(parse(&opt, ""), 0);
    assert_int_equal(parse(&opt, "  local=10.0.0.1,2001:db8::1\tscheduler=minrtt pm=fullmesh "
                                 "fairness=off "
                                 "max-subflows=3 idle=9 join-port=4711 verbose=/tmp/x"),
                     0);
    assert_int_equal(opt.n_locals, 2);
    assert_int_equal(opt.locals[1].family, MPS_AF_INET6);
    assert_ptr_equal(opt.sched, &mps_sched_minrtt);
    assert_ptr_equal(opt.conn.pm, &mps_pm_fullmesh);
    assert_int_equal(opt.conn.fairness, MPS_FAIR_OFF);
    assert_int_equal(opt.conn.max_subflows, 3);
    assert_int_equal(opt.idle_s, 9);
    assert_int_equal(opt.join_ports.first, 4711);
    assert_int_equal(opt.join_ports.last, 4711);
    assert_string_equal(opt.verbose, "/tmp/x");

    /* What is wrong is named; what is right beside it counts. */
    assert_int_equal(parse(&opt, "local=10.0.0.1,nonsense idle=7"), 1);
    assert_string_equal(last_why, "not an IP address");
    assert_int_equal(opt.n_locals, 0);
    assert_int_equal(opt.idle_s, 7);
    assert_int_equal(parse(&opt, "scheduler=best"), 1);
    assert_string_equal(last_why, "unknown scheduler");
    assert_int_equal(parse(&opt, "fairness=on"), 1);
    assert_string_equal(last_why, "unknown value");
    assert_int_equal(opt.conn.fairness, MPS_FAIR_AUTO);
    assert_int_equal(parse(&opt, "max-subflows=0 max-subflows=33 max-subflows=x idle=-1"), 4);
    assert_int_equal(opt.conn.max_subflows, 8);
    assert_int_equal(parse(&opt, "join-port=65536 join-port= frobnicate=1 word"), 4);
    assert_int_equal(parse(&opt, "join-port=9-8 join-port=8- join-port=-8 join-port=0-9"), 4);
    assert_int_equal(opt.join_ports.first, 0);
    assert_int_equal(parse(&opt, "join-port=4711-4713"), 0);
    assert_int_equal(opt.join_ports.first, 4711);
    assert_int_equal(opt.join_ports.last, 4713);
    assert_int_equal(parse(&opt, "no-subflow-timeout=86401 no-subflow-timeout=soon"), 2);
    assert_int_equal(opt.conn.no_subflow_timeout, 60 * MPS_SEC);
    assert_int_equal(parse(&opt, "keepalive=86401 keepalive=often"), 2);
    assert_int_equal(opt.conn.keepalive, 15 * MPS_SEC);
    assert_int_equal(parse(&opt, "keepalive=0"), 0);
    assert_int_equal(opt.conn.keepalive, 0);
    assert_int_equal(parse(&opt, "threads=0 threads=17"), 2);
    assert_int_equal(opt.threads, 0);
    assert_int_equal(parse(&opt, "threads=16"), 0);
    assert_int_equal(opt.threads, 16);
    assert_int_equal(parse(&opt, "no-subflow-timeout=0"), 0);
    assert_int_equal(opt.conn.no_subflow_timeout, 0);
}

/* A request's data is not terminated. */
static void test_options_length(void **state)
{
    struct mps_options opt;

    mps_options_init(&opt);
    assert_int_equal(mps_options_parse(&opt, "idle=12345", 6, NULL), 0);
    assert_int_equal(opt.idle_s, 1);
}

/* ---- paths ---- */

static void paths_are_remembered(void **state)
{
    static struct mps_pathmem mem;
    struct mps_addr l = {.family = MPS_AF_INET, .ip = {10, 0, 0, 1}, .port = 4000};
    struct mps_addr r = {.family = MPS_AF_INET, .ip = {10, 0, 0, 2}, .port = 80}, other = r;

    mps_pathmem_init(&mem);
    mps_pathmem_set(&mem, MPS_PATHMEM_REWRITES, &l, &r, 5);
    mps_pathmem_set(&mem, MPS_PATHMEM_UNMARKED, &l, &r, 5);
    /* What a box does to bytes does not depend on the port, */
    l.port = 0;
    other.port = 81;
    assert_int_equal(mps_pathmem_find(&mem, MPS_PATHMEM_REWRITES, &l, &other, 6),
                     5 + MPS_PATHMEM_LIFETIME);
    /* a program that met a stray connection does. */
    assert_int_equal(mps_pathmem_find(&mem, MPS_PATHMEM_UNMARKED, &l, &other, 6), 0);
    assert_true(mps_pathmem_find(&mem, MPS_PATHMEM_UNMARKED, &l, &r, 6) > 0);
    assert_int_equal(mps_pathmem_find(&mem, MPS_PATHMEM_UNMARKED, &l, &r, 5 + MPS_PATHMEM_ASTRAY),
                     0);
    for (unsigned i = 0; i < MPS_PATHMEM_MAX; i++) {
        other.ip[3] = (uint8_t)i;
        other.ip[2] = 1;
        mps_pathmem_set(&mem, MPS_PATHMEM_REWRITES, &l, &other, 7 + i);
    }
    assert_int_equal(mps_pathmem_find(&mem, MPS_PATHMEM_REWRITES, &l, &r, 300), 0);
    assert_true(mps_pathmem_find(&mem, MPS_PATHMEM_REWRITES, &l, &other, 300) > 0);
    mps_pathmem_deinit(&mem);
}

/* Joins to what peers only name are few, of each and of all; proofs give them back. */
static void claims_are_counted(void **state)
{
    static struct mps_claimants book;
    struct mps_addr peer = {.family = MPS_AF_INET, .ip = {192, 0, 2, 1}, .port = 80};
    struct mps_addr addr = {.family = MPS_AF_INET, .ip = {198, 51, 100, 1}, .port = 80};
    unsigned n = 0, all = 0;
    bool claim;

    mps_claimants_init(&book);
    /* Where the peer is it need not be proved. */
    assert_int_equal(mps_claimants_ask(&book, &peer, &peer, &claim, 5), 0);
    assert_false(claim);
    while (mps_claimants_ask(&book, &peer, &addr, &claim, 5) == 0) {
        assert_true(claim);
        addr.port++;
        n++;
    }
    assert_int_equal(n, MPS_CLAIMANTS_BURST);
    assert_true(mps_claimants_ask(&book, &peer, &addr, &claim, 5) > 5);
    mps_claimants_proved(&book, &peer, &addr, true, 5);
    assert_int_equal(mps_claimants_ask(&book, &peer, &addr, &claim, 5), 0);
    assert_false(claim); /* proved: it may be joined as often as wanted */
    addr.port++;
    assert_int_equal(mps_claimants_ask(&book, &peer, &addr, &claim, 5), 0);
    assert_true(claim); /* the token that was given back */
    assert_true(mps_claimants_ask(&book, &peer, &addr, &claim, 5) > 5);
    assert_int_equal(mps_claimants_ask(&book, &peer, &addr, &claim, 5 + MPS_CLAIMANTS_INTERVAL), 0);
    for (unsigned i = 0; i < 500; i++) {
        peer.ip[3] = (uint8_t)(2 + i % 100);
        all += mps_claimants_ask(&book, &peer, &addr, &claim, 6) == 0;
    }
    assert_in_range(all, MPS_CLAIMANTS_BURST_ALL - n - 2, MPS_CLAIMANTS_BURST_ALL);
    mps_claimants_deinit(&book);
}

/* ---- peers ---- */

static void test_peers(void **state)
{
    static struct mps_peers peers;
    struct mps_addr a = {.family = MPS_AF_INET, .port = 80, .ip = {10, 0, 0, 1}}, b = a;

    b.port = 81;
    mps_peers_init(&peers);
    assert_int_equal(mps_peers_find(&peers, &a, 5), MPS_PEER_UNKNOWN);
    mps_peers_set(&peers, &a, MPS_PEER_PLAIN, 5);
    assert_int_equal(mps_peers_find(&peers, &a, 5), MPS_PEER_PLAIN);
    assert_int_equal(mps_peers_find(&peers, &b, 5), MPS_PEER_UNKNOWN);
    mps_peers_set(&peers, &a, MPS_PEER_PROVEN, 6);
    assert_int_equal(mps_peers_find(&peers, &a, 6), MPS_PEER_PROVEN);
    assert_int_equal(mps_peers_find(&peers, &a, 6 + MPS_PEERS_LIFETIME), MPS_PEER_UNKNOWN);
    /* A full table forgets the oldest, not the newest. */
    for (unsigned i = 0; i < 2 * MPS_PEERS_MAX; i++) {
        b.port = (uint16_t)(1000 + i);
        mps_peers_set(&peers, &b, MPS_PEER_PLAIN, 7 + i);
    }
    assert_int_equal(mps_peers_find(&peers, &a, 8), MPS_PEER_UNKNOWN);
    assert_int_equal(mps_peers_find(&peers, &b, 8), MPS_PEER_PLAIN);
    mps_peers_deinit(&peers);
}

/* ---- netaddr ---- */

static void test_netaddr_select(void **state)
{
    struct mps_netaddr_list all, got;
    struct mps_options opt;
    struct mps_addr far = {.family = MPS_AF_INET, .ip = {192, 0, 2, 1}};
    struct mps_addr lo = {.family = MPS_AF_INET, .ip = {127, 0, 0, 1}};
    struct mps_addr own = {.family = MPS_AF_INET6, .ip = {0x20, 1, [15] = 2}};

    assert_int_equal(mps_netaddr_dump(&all), 0);
    assert_true(all.n >= 1); /* lo at least */
    all.n = 2;
    all.entry[0] = (struct mps_netaddr_entry){.addr = lo, .ifindex = 1, .loopback = true};
    all.entry[1] = (struct mps_netaddr_entry){
        .addr = {.family = MPS_AF_INET, .ip = {10, 0, 0, 1}},
        .ifindex = 2,
    };
    mps_options_init(&opt);
    mps_netaddr_select(&all, &opt, &own, &far, &got);
    assert_int_equal(got.n, 1);
    assert_int_equal(got.entry[0].ifindex, 2);
    mps_netaddr_select(&all, &opt, &own, &lo, &got);
    assert_int_equal(got.n, 0);
    assert_int_equal(parse(&opt, "local=127.0.0.1,127.0.0.2,10.9.9.9"), 0);
    mps_netaddr_select(&all, &opt, &own, &lo, &got);
    assert_int_equal(got.n, 2);
    mps_netaddr_select(&all, &opt, &own, &far, &got);
    assert_int_equal(got.n, 0);
    assert_int_equal(parse(&opt, "local=10.0.0.1"), 0);
    mps_netaddr_select(&all, &opt, &own, &far, &got);
    assert_int_equal(got.n, 1);

    /* A second address of the same network is used if it is asked for. */
    all.entry[1].secondary = true;
    mps_netaddr_select(&all, &opt, &own, &far, &got);
    assert_int_equal(got.n, 1);
    mps_options_init(&opt);
    mps_netaddr_select(&all, &opt, &own, &far, &got);
    assert_int_equal(got.n, 0);
    all.entry[1].secondary = false;

    /* Three IPv6 addresses of one interface are one path: the connection's own. */
    mps_options_init(&opt);
    all.n = 5;
    for (uint8_t i = 1; i <= 3; i++)
        all.entry[1 + i] = (struct mps_netaddr_entry){
            .addr = {.family = MPS_AF_INET6, .ip = {0x20, 1, [15] = i}},
            .ifindex = 2,
        };
    mps_netaddr_select(&all, &opt, &own, &far, &got);
    assert_int_equal(got.n, 2);
    assert_true(mps_addr_same_ip(&got.entry[1].addr, &own));
    own.ip[15] = 9;
    mps_netaddr_select(&all, &opt, &own, &far, &got);
    assert_int_equal(got.n, 2);
    assert_int_equal(got.entry[1].addr.ip[15], 1);
    /* Asked for by name they count. */
    assert_int_equal(parse(&opt, "local=2001::1,2001::3"), 0);
    mps_netaddr_select(&all, &opt, &own, &far, &got);
    assert_int_equal(got.n, 2);
    assert_int_equal(got.entry[1].addr.ip[15], 3);
}

/* ---- sockets ---- */

static void test_addresses(void **state)
{
    struct sockaddr_storage ss;
    struct mps_addr a = {.family = MPS_AF_INET6, .port = 443, .ip = {0x20, 1, 0xd, 0xb8}}, b;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
    char text[MPS_SOCK_TEXT_LEN];

    assert_int_equal(mps_sock_from_addr(&a, &ss), sizeof(*in6));
    mps_sock_to_addr(&ss, &b);
    assert_true(mps_addr_equal(&a, &b));
    assert_string_equal(mps_sock_text(&a, text), "[2001:db8::]:443");
    in6->sin6_addr.s6_addr[0] = in6->sin6_addr.s6_addr[1] = 0;
    memset(&in6->sin6_addr, 0, 10);
    memcpy(in6->sin6_addr.s6_addr + 10, "\xff\xff\x0a\x00\x00\x01", 6);
    mps_sock_to_addr(&ss, &b);
    assert_string_equal(mps_sock_text(&b, text), "10.0.0.1:443");
}

static void test_metrics(void **state)
{
    struct mps_metrics m;
    struct rig rig;
    int c, s;

    rig_init(&rig, "");
    rig_tcp_pair(&rig, &c, &s);
    assert_true(mps_sock_metrics(c, &m));
    assert_true(m.srtt_us > 0 && m.mss > 0 && m.cwnd >= 2 * m.mss && m.rate > 0);
    assert_int_equal(m.in_flight, 0);
    assert_int_equal(m.ack_age_us, 0);
    assert_false(mps_sock_metrics(-1, &m));
    close(c);
    close(s);
    rig_deinit(&rig);
}

static void test_connector(void **state)
{
    struct mps_addr local = {.family = MPS_AF_INET, .ip = {127, 0, 0, 2}};
    struct mps_addr remote = {.family = MPS_AF_INET, .port = 1, .ip = {127, 0, 0, 1}};
    struct mps_addr six = {.family = MPS_AF_INET6, .port = 1, .ip = {[15] = 1}};
    struct mps_connector_path path = {local, six, 0}, six_only = {six, six, 0};
    static const struct mps_sockopts none;
    struct sockaddr_storage l, r;
    struct rig rig;
    int fd;

    rig_init(&rig, "");
    assert_int_equal(mps_connector_join(&path, false, &none), -1);
    assert_false(mps_connector_takes_large(&path));
    path.remote = remote;
    assert_true(mps_connector_takes_large(&path));
    assert_true(mps_connector_takes_large(&six_only));
    path.local.ip[0] = 192; /* not ours */
    assert_false(mps_connector_takes_large(&path));
    remote.port = rig.port;
    fd = mps_connector_plain(&local, &remote, &none);
    assert_true(fd >= 0);
    while (mps_connector_result(fd) == MPS_CONNECTOR_WAIT)
        rig_poll(fd, POLLOUT);
    assert_int_equal(mps_connector_result(fd), MPS_CONNECTOR_UNMARKED);
    assert_int_equal(mps_sock_names(fd, &l, &r), 0);
    mps_sock_to_addr(&l, &remote);
    assert_true(mps_addr_same_ip(&remote, &local));
    close(fd);
    rig_deinit(&rig);
}

/* The parts add up to the rate; who carries more gets more, and nobody gets nothing. */
static void test_pacing(void **state)
{
    struct mps_pacing_part a = {.used = 0}, b = {.used = 0};
    struct mps_pacing_part *const both[] = {&a, &b};
    const uint64_t rate = 1000000, of_a = 200000, of_b = 10000000; /* what the links carry */

    mps_pacing_share(rate, both, 1);
    assert_in_range(a.part, rate - 1, rate);
    mps_pacing_share(rate, both, 2);
    assert_in_range(a.part, rate / 2 - 1, rate / 2);
    assert_int_equal(a.part, b.part);
    for (unsigned i = 0; i < 50; i++) {
        a.used = a.part < of_a ? a.part : of_a;
        b.used = b.part < of_b ? b.part : of_b;
        mps_pacing_share(rate, both, 2);
        assert_in_range(a.part + b.part, rate - 2, rate);
    }
    assert_in_range(a.used + b.used, rate / 20 * 19, rate);
    assert_true(a.part >= of_a && a.part > rate / 50);
    /* A program's value, in its two sizes. */
    {
        struct mps_sockopts opts = {.n = 0};
        uint64_t large = UINT64_C(5000000000), none = UINT64_MAX;
        uint32_t small = 625000, got = 0;
        size_t len = sizeof(got);
        int tcp = socket(AF_INET, SOCK_STREAM, 0);

        mps_sockopts_inherit(&opts, tcp);
        assert_int_equal(mps_sockopts_pacing(&opts), 0);
        assert_return_code(setsockopt(tcp, SOL_SOCKET, SO_MAX_PACING_RATE, &small, sizeof(small)),
                           errno);
        mps_sockopts_inherit(&opts, tcp);
        assert_int_equal(mps_sockopts_pacing(&opts), small);
        assert_int_equal(
            mps_sockopts_get(&opts, &tcp, 1, SOL_SOCKET, SO_MAX_PACING_RATE, &got, &len), 0);
        assert_int_equal(got, small);
        mps_sockopts_set(&opts, &tcp, 1, SOL_SOCKET, SO_MAX_PACING_RATE, &large, sizeof(large), -1);
        assert_int_equal(mps_sockopts_pacing(&opts), large);
        mps_sockopts_set(&opts, &tcp, 1, SOL_SOCKET, SO_MAX_PACING_RATE, &none, sizeof(none), -1);
        assert_int_equal(mps_sockopts_pacing(&opts), 0);
        mps_sockopts_deinit(&opts);
        close(tcp);
    }
}

static void test_sockopts(void **state)
{
    struct mps_sockopts opts = {.n = 0};
    int tcp = socket(AF_INET, SOCK_STREAM, 0), later = socket(AF_INET, SOCK_STREAM, 0);
    int value = 0x10, got = 0;
    size_t len = sizeof(got);

    assert_true(mps_sock_set_int(tcp, SOL_SOCKET, SO_KEEPALIVE, 1));
    assert_true(mps_sock_set_int(tcp, IPPROTO_TCP, TCP_KEEPINTVL, 33));
    mps_sockopts_inherit(&opts, tcp);
    assert_int_equal(
        mps_sockopts_set(&opts, &tcp, 1, IPPROTO_IP, IP_TOS, &value, sizeof(value), -1), 0);
    mps_sockopts_apply(&opts, later);
    assert_int_equal(mps_sock_get_int(later, SOL_SOCKET, SO_KEEPALIVE, 0), 1);
    assert_int_equal(mps_sock_get_int(later, IPPROTO_TCP, TCP_KEEPINTVL, 0), 33);
    assert_int_equal(mps_sock_get_int(later, IPPROTO_IP, IP_TOS, 0), 0x10);
    assert_int_equal(mps_sock_get_int(later, IPPROTO_TCP, TCP_NODELAY, 0), 1);
    assert_int_equal(mps_sockopts_get(&opts, &tcp, 1, IPPROTO_IP, IP_TOS, &got, &len), 0);
    assert_int_equal(got, 0x10);
    /* Recorded, but never put on a subflow. */
    value = 1;
    assert_int_equal(
        mps_sockopts_set(&opts, &later, 1, IPPROTO_TCP, TCP_CORK, &value, sizeof(value), -1), 0);
    assert_int_equal(mps_sock_get_int(later, IPPROTO_TCP, TCP_CORK, 9), 0);
    assert_int_equal(mps_sockopts_get(&opts, &later, 1, IPPROTO_TCP, TCP_CORK, &got, &len), 0);
    assert_int_equal(got, 1);
    assert_int_equal(
        mps_sockopts_set(&opts, &tcp, 1, IPPROTO_TCP, TCP_REPAIR, &value, sizeof(value), -1),
        ENOPROTOOPT);
    mps_sockopts_deinit(&opts);
    close(tcp);
    close(later);
}

/* RFC 2202, case 2. */
static void test_crypto(void **state)
{
    static const uint8_t want[] = {0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74,
                                   0x16, 0xd5, 0xf1, 0x84, 0xdf, 0x9c, 0x25, 0x9a, 0x7c, 0x79};
    const char *data = "what do ya want for nothing?";
    uint8_t out[MPS_SHA1_LEN];
    struct mps_openssl ssl;

    assert_int_equal(mps_openssl_warm_up(), 0);
    mps_openssl_init(&ssl);
    assert_int_equal(ssl.crypto.hmac(&ssl, MPS_SHA1, "Jefe", 4, data, strlen(data), out), 0);
    assert_memory_equal(out, want, sizeof(want));
    mps_openssl_deinit(&ssl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_remembered), cmocka_unit_test(claims_are_counted),
        cmocka_unit_test(test_options),         cmocka_unit_test(test_options_length),
        cmocka_unit_test(test_peers),           cmocka_unit_test(test_netaddr_select),
        cmocka_unit_test(test_addresses),       cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_connector),       cmocka_unit_test(test_sockopts),
        cmocka_unit_test(test_pacing),          cmocka_unit_test(test_crypto),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
