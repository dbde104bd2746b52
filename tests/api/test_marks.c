/* SPDX-License-Identifier: MIT */
/* Marks and connection names on real loopback sockets. */
#include "../lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "handover/marks.h"
#include "handover/share.h"
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
        assert_int_equal(mps_marks_prepare_connect(p->client, NULL), 0);
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

    pair_open(&p, true, false);
    assert_false(mps_marks_synack_is(p.client, MPS_MARK_LISTEN));
    assert_int_equal(mps_marks_saved_syn(p.server), 0);
    pair_close(&p);

    pair_open(&p, false, true);
    assert_int_equal(mps_marks_saved_syn(p.server), 0);
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

    assert_int_equal(mps_share_begin(fd), 1);
    assert_int_equal(mps_share_begin(fd), 0);
    close(fd);
    assert_int_equal(mps_share_begin(-1), -EBADF);
}

/* A SYN: IPv4 with four bytes of options, or IPv6 with a destination options header. */
static unsigned make_syn(unsigned char *syn, bool v6, unsigned window, const char *options,
                         unsigned n)
{
    unsigned tcp = v6 ? 48 : 24;

    memset(syn, 0, 128);
    if (v6) {
        syn[0] = 0x60;
        syn[6] = IPPROTO_DSTOPTS;
        syn[40] = IPPROTO_TCP;
    } else {
        syn[0] = 0x46;
        syn[9] = IPPROTO_TCP;
    }
    syn[tcp + 12] = (unsigned char)((20 + n) / 4 << 4);
    syn[tcp + 14] = (unsigned char)(window >> 8);
    syn[tcp + 15] = (unsigned char)window;
    memcpy(syn + tcp + 20, options, n);
    return tcp + 20 + n;
}

struct syn_case {
    unsigned mss, window, mark;
};

/* Wherever the MSS stands among the options. */
static void test_syn_marks(void **state)
{
    static const struct syn_case cases[] = {
        {1319, 64631, MPS_MARK_CONNECT}, /* as it was sent */
        {1200, 64631, MPS_MARK_CONNECT}, /* a box has lowered the MSS */
        {1303, 64631, MPS_MARK_CONNECT}, /* to the answer's value */
        {1460, 64631, MPS_MARK_CONNECT}, /* or raised it */
        {1319, 65535, MPS_MARK_CONNECT}, /* a large buffer */
        {1319, 65350, MPS_MARK_CONNECT}, /* 50 times the mark less the timestamps */
        {1200, 65350, MPS_MARK_CONNECT},
        {1200, 65535, 0},
        {1200, 32767, 0},
        {1319 - 1, 1152, 0},
        {0, 65535, 0},
        {1460, 65535, 0},
        {1460, 64240, 0},
        {1200, 64800, 0},
        {1323, 64827, 0}, /* a client whose own MSS is that of a join */
        {1321, 64729, 0},
        {1303, 63847, 0},
        {1323, 52920, MPS_MARK_JOIN},
        {1176, 52920, MPS_MARK_JOIN},
        {1240, 52920, MPS_MARK_JOIN}, /* lowered on the way */
        {8820, 44100, MPS_MARK_JOIN},
    };
    unsigned char syn[128];

    for (unsigned i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        const struct syn_case *c = &cases[i / 2];
        const char mss[] = {2, 4, (char)(c->mss >> 8), (char)c->mss};
        const char *const forms[] = {"MMMM\x04\x02\x01\x01", "\x04\x02\x01\x01MMMM",
                                     "\x04\x02MMMM\x01\x01", "\x01MMMM\x03\x03\x07"};

        for (unsigned f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
            char options[9];
            unsigned len;

            snprintf(options, sizeof(options), "%s", forms[f]);
            if (c->mss != 0)
                memcpy(strchr(options, 'M'), mss, sizeof(mss));
            else
                memset(options, 1, sizeof(options));
            len = make_syn(syn, i % 2, c->window, options, 8);
            if (mps_marks_of_syn(syn, len) != c->mark)
                fail_msg("MSS %u, window %u, form %u: %u", c->mss, c->window, f,
                         mps_marks_of_syn(syn, len));
        }
    }
}

static void test_syn_broken(void **state)
{
    unsigned char syn[128];
    const unsigned len = make_syn(syn, true, 64631, "\x01\x01\x02\x04\x05\x27\x00\x00", 8);

    assert_int_equal(mps_marks_of_syn(syn, len), MPS_MARK_CONNECT);
    for (unsigned n = 0; n < len; n++)
        assert_int_equal(mps_marks_of_syn(syn, n), 0);
    syn[48 + 14] = 0xff; /* the window says nothing: the MSS has to */
    syn[48 + 15] = 0xff;
    assert_int_equal(mps_marks_of_syn(syn, len), MPS_MARK_CONNECT);
    syn[48 + 23] = 5; /* an MSS option of the wrong length */
    assert_int_equal(mps_marks_of_syn(syn, len), 0);
    syn[48 + 23] = 0; /* a length that would not advance */
    assert_int_equal(mps_marks_of_syn(syn, len), 0);
    syn[40] = IPPROTO_UDP;
    assert_int_equal(mps_marks_of_syn(syn, len), 0);
}

/* No window that other hosts begin with is one of ours. */
static void test_usual_windows(void **state)
{
    static const unsigned usual[] = {4128,  5720,  5792,  5840,  8192,  14480, 14600, 16384, 17520,
                                     26847, 28960, 29200, 32120, 32768, 42340, 43690, 60720, 62727,
                                     63443, 64240, 64308, 64512, 64704, 64800, 64860, 64952, 65160,
                                     65228, 65280, 65320, 65392, 65483, 65495, 65520};
    unsigned char syn[128];

    for (unsigned i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        unsigned len = make_syn(syn, false, usual[i], "\x02\x04\x05\x27", 4);

        syn[24 + 23] = 0xb4; /* MSS 1460 */
        assert_int_equal(mps_marks_of_syn(syn, len), 0);
        assert_int_not_equal(usual[i] % MPS_MARK_LISTEN, 0);
        assert_int_not_equal(usual[i] % (MPS_MARK_LISTEN - 12), 0);
    }
    /* Linux with its usual buffers, at any MTU of Ethernet but those whose MSS is a mark. */
    for (unsigned buffer = 43690; buffer <= 65536; buffer += 65536 - 43690)
        for (unsigned mss = 536; mss <= 9000; mss++) {
            unsigned window = buffer / mss * mss;
            unsigned len = make_syn(syn, false, window, "\x02\x04\x05\xb4", 4);

            if (mss % MPS_MARK_CONNECT != 0 && mss % (MPS_MARK_CONNECT - 12) != 0 && window < 65535)
                assert_int_equal(mps_marks_of_syn(syn, len), 0);
            if (mss % MPS_MARK_LISTEN != 0 && mss % (MPS_MARK_LISTEN - 12) != 0)
                assert_true(window % MPS_MARK_LISTEN != 0 && window % (MPS_MARK_LISTEN - 12) != 0);
        }
}

static void answer(bool v6, int client_mss, int buffer, int server_mss, bool is_agent, bool expect)
{
    struct sockaddr_in6 ss = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    struct sockaddr_in ss4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *addr = v6 ? (struct sockaddr *)&ss : (struct sockaddr *)&ss4;
    socklen_t len = v6 ? sizeof(ss) : sizeof(ss4);
    int listener = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, addr, len), 0);
    if (is_agent)
        assert_int_equal(mps_marks_prepare_agent(listener, (unsigned)server_mss), 0);
    else if (server_mss)
        setsockopt(listener, IPPROTO_TCP, TCP_MAXSEG, &server_mss, sizeof(server_mss));
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, addr, &len), 0);
    if (buffer)
        setsockopt(client, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    setsockopt(client, IPPROTO_TCP, TCP_MAXSEG, &client_mss, sizeof(client_mss));
    assert_int_equal(connect(client, addr, len), 0);
    if (mps_marks_synack_is(client, is_agent ? MPS_MARK_AGENT : MPS_MARK_LISTEN) != expect)
        fail_msg("client MSS %d, buffer %d, server MSS %d", client_mss, buffer, server_mss);
    if (!is_agent)
        assert_false(mps_marks_synack_is(client, MPS_MARK_AGENT));
    close(client);
    close(listener);
}

static void test_answers(void **state)
{
    for (int v6 = 0; v6 < 2; v6++) {
        answer(v6, MPS_MARK_CONNECT, 0, MPS_MARK_LISTEN, false, true);
        /* A SYN cannot say such a window. */
        answer(v6, MPS_MARK_CONNECT, 500000, MPS_MARK_LISTEN, false, false);
        answer(v6, MPS_MARK_CONNECT, 3000, MPS_MARK_LISTEN, false, true);
        answer(v6, MPS_MARK_CONNECT, 0, 0, false, false);
        answer(v6, MPS_MARK_CONNECT, 0, MPS_MARK_LISTEN - 1, false, false);
        answer(v6, MPS_MARK_CONNECT, 0, MPS_MARK_LISTEN + 1, false, false);
        answer(v6, MPS_MARK_CONNECT, 0, MPS_MARK_CONNECT, false, false);
        /* The question has not left as it should. */
        answer(v6, MPS_MARK_CONNECT - 1, 0, MPS_MARK_LISTEN, false, false);
        answer(v6, MPS_MARK_JOIN, 0, MPS_MARK_AGENT, true, true);
        answer(v6, MPS_MARK_JOIN, 0, MPS_MARK_AGENT_LARGE, true, true);
        answer(v6, MPS_MARK_JOIN_LARGE, 0, MPS_MARK_AGENT, true, true);
        answer(v6, MPS_MARK_JOIN_LARGE, 0, MPS_MARK_AGENT_LARGE, true, true);
        answer(v6, 1176, 0, MPS_MARK_AGENT, true, true);
        answer(v6, MPS_MARK_JOIN, 0, 1228, true, true); /* a small MTU there */
    }
}

static int number(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_return_code(getsockopt(fd, level, name, &value, &len), errno);
    return value;
}

/* A large buffer is there again after connect(), with all that the kernel makes of it. */
static void buffer_comes_back(int buffer, bool nonblocking, int expect)
{
    struct sockaddr_in ss = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int type = SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0);
    socklen_t len = sizeof(ss);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;
    int client = socket(AF_INET, type, 0), native = socket(AF_INET, type, 0), accepted;
    struct mps_marks_buffer back;

    assert_int_equal(mps_marks_prepare_listen(listener), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&ss, sizeof(ss)), 0);
    assert_int_equal(listen(listener, 5), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&ss, &len), 0);
    if (buffer) {
        setsockopt(client, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
        setsockopt(native, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    }
    assert_int_equal(mps_marks_prepare_connect(client, &back), expect);
    rc = connect(client, (struct sockaddr *)&ss, len);
    assert_true(rc == 0 || errno == EINPROGRESS);
    mps_marks_put_back(client, &back);
    rc = connect(native, (struct sockaddr *)&ss, len);
    assert_true(rc == 0 || errno == EINPROGRESS);
    accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(mps_marks_saved_syn(accepted), expect == 0 ? MPS_MARK_CONNECT : 0);
    assert_int_equal(mps_marks_synack_is(client, MPS_MARK_LISTEN), expect == 0);
    assert_int_equal(number(client, SOL_SOCKET, SO_RCVBUF), number(native, SOL_SOCKET, SO_RCVBUF));
    assert_int_equal(number(client, SOL_SOCKET, 72), number(native, SOL_SOCKET, 72));
    if (buffer > 65536)
        assert_true(number(client, IPPROTO_TCP, TCP_WINDOW_CLAMP) >=
                    number(native, IPPROTO_TCP, TCP_WINDOW_CLAMP));
    close(accepted);
    close(native);
    close(client);
    close(listener);
}

static void test_buffers(void **state)
{
    for (int i = 0; i < 2; i++) {
        buffer_comes_back(0, i, 0);
        buffer_comes_back(3000, i, 0);
        buffer_comes_back(65536, i, 0);
        buffer_comes_back(70000, i, 0);
        buffer_comes_back(200000, i, 0);
        buffer_comes_back(700, i, 1); /* no whole segment */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_marked), cmocka_unit_test(test_one_side_marked),
        cmocka_unit_test(test_untouched),   cmocka_unit_test(test_corked_data_counts),
        cmocka_unit_test(test_share_port),  cmocka_unit_test(test_syn_marks),
        cmocka_unit_test(test_syn_broken),  cmocka_unit_test(test_usual_windows),
        cmocka_unit_test(test_answers),     cmocka_unit_test(test_buffers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
