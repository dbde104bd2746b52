/* SPDX-License-Identifier: MIT */
/* Marks and connection names on real loopback sockets. */
#include "../lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "handover/marks.h"
#include "handover/message.h"

struct pair {
    int listener, client, server;
};

static void pair_open(struct pair *p, bool mark_client, bool mark_server)
{
    struct sockaddr_in ss = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(ss);

    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    p->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&ss, sizeof(ss)), 0);
    if (mark_server)
        assert_int_equal(mps_marks_prepare_listen(p->listener), 0);
    assert_int_equal(listen(p->listener, 5), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&ss, &len), 0);
    if (mark_client)
        assert_int_equal(mps_marks_prepare_connect(p->client), 0);
    assert_int_equal(connect(p->client, (struct sockaddr *)&ss, len), 0);
    p->server = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(p->server >= 0);
}

static void pair_close(struct pair *p)
{
    close(p->listener);
    close(p->client);
    close(p->server);
}

static void test_both_marked(void **state)
{
    struct pair p;

    pair_open(&p, true, true);
    assert_true(mps_marks_synack_is(p.client, MPS_MARK_LISTEN));
    assert_false(mps_marks_synack_is(p.client, MPS_MARK_AGENT));
    assert_int_equal(mps_marks_saved_syn(p.server), MPS_MARK_CONNECT);
    assert_int_equal(mps_marks_saved_syn(p.server), 0);
    pair_close(&p);
}

static void test_one_side_marked(void **state)
{
    struct pair p;
    unsigned mss;

    pair_open(&p, true, false);
    assert_false(mps_marks_synack_is(p.client, MPS_MARK_LISTEN));
    assert_int_equal(mps_marks_saved_syn(p.server), 0);
    pair_close(&p);

    pair_open(&p, false, true);
    mss = mps_marks_saved_syn(p.server);
    assert_int_not_equal(mss, 0);
    assert_int_not_equal(mss, MPS_MARK_CONNECT);
    pair_close(&p);
}

static void wait_readable(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};

    assert_int_equal(poll(&pfd, 1, 5000), 1);
}

static void test_untouched(void **state)
{
    struct pair p;

    pair_open(&p, true, true);
    assert_true(mps_marks_untouched(p.client));
    assert_true(mps_marks_untouched(p.server));
    assert_int_equal(send(p.server, "x", 1, 0), 1);
    wait_readable(p.client);
    assert_false(mps_marks_untouched(p.client));
    assert_false(mps_marks_untouched(p.server));
    pair_close(&p);

    pair_open(&p, true, true);
    assert_int_equal(shutdown(p.server, SHUT_WR), 0);
    wait_readable(p.client);
    assert_false(mps_marks_untouched(p.client));
    pair_close(&p);
}

static void test_corked_data_counts(void **state)
{
    struct pair p;
    int on = 1;

    pair_open(&p, true, true);
    assert_int_equal(setsockopt(p.client, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)), 0);
    assert_int_equal(send(p.client, "x", 1, 0), 1);
    assert_false(mps_marks_untouched(p.client));
    pair_close(&p);
}

static void test_share_port(void **state)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(mps_marks_share_port(fd), 1);
    assert_int_equal(mps_marks_share_port(fd), 0);
    close(fd);
    assert_int_equal(mps_marks_share_port(-1), -EBADF);
}

/* IPv6 with a destination options header, then TCP: NOP, NOP, MSS 1331. */
static void test_syn_parser(void **state)
{
    unsigned char syn[40 + 8 + 28];

    memset(syn, 0, sizeof(syn));
    syn[0] = 0x60;
    syn[6] = IPPROTO_DSTOPTS;
    syn[40] = IPPROTO_TCP;
    syn[48 + 12] = 0x70;
    memcpy(syn + 48 + 20, "\x01\x01\x02\x04\x05\x33\x00\x00", 8);
    assert_int_equal(mps_marks_syn_mss(syn, sizeof(syn)), 1331);
    for (unsigned n = 0; n < sizeof(syn); n++)
        assert_int_equal(mps_marks_syn_mss(syn, n), 0);
    syn[48 + 23] = 5; /* an MSS option of the wrong length */
    assert_int_equal(mps_marks_syn_mss(syn, sizeof(syn)), 0);
    syn[48 + 23] = 0; /* a length that would not advance */
    assert_int_equal(mps_marks_syn_mss(syn, sizeof(syn)), 0);
    memset(syn + 48 + 20, 1, 8);
    assert_int_equal(mps_marks_syn_mss(syn, sizeof(syn)), 0);
    syn[40] = IPPROTO_UDP;
    assert_int_equal(mps_marks_syn_mss(syn, sizeof(syn)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_marked), cmocka_unit_test(test_one_side_marked),
        cmocka_unit_test(test_untouched),   cmocka_unit_test(test_corked_data_counts),
        cmocka_unit_test(test_share_port),  cmocka_unit_test(test_syn_parser),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
