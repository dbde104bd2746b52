/* SPDX-License-Identifier: MIT */
/* JOINs that must not succeed, and the agent's own listener for them. */
#include "rig.h"
#include "stream.h"
#include "test.h"

#include <errno.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/connection/mpconn.h"
#include "engine/net/sock.h"
#include "handover/marks.h"
#include "handover/message.h"

static bool established(void *arg)
{
    struct rig *rig = arg;
    struct mps_session *s = mps_list_entry(rig->server->sessions.next, struct mps_session, link);

    return s->mp != NULL;
}

struct reader {
    int fd;
    uint8_t buf[MPS_OPENING_MAX_LEN];
    size_t n;
    bool ended;
};

static bool read_message(void *arg)
{
    struct reader *r = arg;
    ssize_t n = recv(r->fd, r->buf + r->n, sizeof(r->buf) - r->n, MSG_DONTWAIT);
    struct mps_opening msg;
    size_t len;

    if (n > 0)
        r->n += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN))
        r->ended = true;
    return r->ended || (r->n > 0 && mps_opening_parse(r->buf, r->n, &msg, &len) == 0);
}

static bool read_end(void *arg)
{
    struct reader *r = arg;

    return read_message(r) && r->ended;
}

static void send_opening(int fd, const struct mps_opening *msg)
{
    uint8_t out[MPS_OPENING_MAX_LEN];
    size_t len = mps_opening_encode(msg, out);

    assert_int_equal(send(fd, out, len, MSG_NOSIGNAL), len);
}

/* A JOIN at the application's port that the server must refuse, its connection unharmed. */
static void bad_join(bool right_token)
{
    struct mps_opening msg = {.kind = MPS_OPENING_JOIN}, got;
    struct stream s = {.seed = 8, .length = 1 << 20, .close_after = true};
    struct reader r = {.n = 0};
    struct rig rig;
    size_t len;

    rig_init(&rig, "");
    assert_int_equal(mps_hub_listener(&rig.server_hub, rig.listener, getpid(), true), 0);
    rig_connect(&rig, &s.from, &s.to);
    assert_true(rig_until(&rig, established, &rig, 5));
    r.fd = rig_dial("127.0.0.1", rig.port, MPS_MARK_JOIN);
    msg.join.token = mps_conn_token(
        mps_mpconn_core(mps_list_entry(rig.server->sessions.next, struct mps_session, link)->mp));
    msg.join.token += right_token ? 0 : 1;
    msg.join.subflow_id = 2;
    msg.join.addr_id = 1;
    send_opening(r.fd, &msg);
    assert_true(rig_until(&rig, read_message, &r, 5));
    assert_int_equal(mps_opening_parse(r.buf, r.n, &got, &len), 0);
    if (right_token) {
        assert_int_equal(got.kind, MPS_OPENING_JOIN_REPLY);
        r.n = 0;
        msg.kind = MPS_OPENING_JOIN_CONFIRM;
        memset(msg.join.hmac, 0x5a, sizeof(msg.join.hmac));
        send_opening(r.fd, &msg);
    } else {
        assert_int_equal(got.kind, MPS_OPENING_REFUSE);
        assert_int_equal(got.reason, MPS_REASON_UNKNOWN_TOKEN);
    }
    assert_true(rig_until(&rig, read_end, &r, 5));
    close(r.fd);
    assert_true(rig_until(&rig, stream_step, &s, 20));
    assert_false(s.broken);
    assert_int_equal(s.received, s.length);
    close(s.to);
    rig_deinit(&rig);
}

static void test_join_unknown_token(void **state)
{
    bad_join(false);
}

static void test_join_bad_hmac(void **state)
{
    bad_join(true);
}

static bool nobody_waits(void *arg)
{
    struct rig *rig = arg;

    return rig->server_hub.greeter.n_waiting == 0;
}

static bool somebody_waits(void *arg)
{
    return !nobody_waits(arg);
}

/* Other bytes at a join listener end that connection only; silence is bounded in number. */
static void test_join_listener_abuse(void **state)
{
    struct reader r = {.n = 0};
    struct rig rig;
    uint16_t port;
    int fds[MPS_GREETER_MAX + 8];

    rig_init(&rig, "");
    port = mps_joinlis_port(&rig.server_hub.joinlis, (struct mps_ports){0, 0});
    assert_true(port > 0);
    r.fd = rig_dial("127.0.0.1", port, 0);
    assert_int_equal(send(r.fd, "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
    assert_true(rig_until(&rig, read_end, &r, 5));
    assert_int_equal(r.n, 0);
    close(r.fd);
    for (unsigned i = 0; i < MPS_GREETER_MAX + 8; i++)
        fds[i] = rig_dial("127.0.0.1", port, 0);
    assert_true(rig_until(&rig, somebody_waits, &rig, 5));
    rig_run(&rig, 0.1);
    assert_true(rig.server_hub.greeter.n_waiting <= MPS_GREETER_MAX);
    assert_true(rig_until(&rig, nobody_waits, &rig, 10));
    for (unsigned i = 0; i < MPS_GREETER_MAX + 8; i++)
        close(fds[i]);
    rig_deinit(&rig);
}

static int dial_from(const char *from, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET}, b = a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = inet_addr(from);
    b.sin_addr.s_addr = inet_addr("127.0.0.1");
    b.sin_port = htons(port);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&b, sizeof(b)), 0);
    return fd;
}

static bool one_waits(void *arg)
{
    struct rig *rig = arg;

    return rig->server_hub.greeter.n_waiting == 1;
}

/* Connections of one source that say nothing take no place of another source's. */
static void test_join_listener_flood(void **state)
{
    struct mps_opening msg = {.kind = MPS_OPENING_JOIN}, got;
    struct reader r = {.n = 0};
    struct rig rig;
    uint16_t port;
    size_t len;
    int fds[3 * MPS_GREETER_MAX];

    rig_init(&rig, "");
    port = mps_joinlis_port(&rig.server_hub.joinlis, (struct mps_ports){0, 0});
    r.fd = dial_from("127.0.2.2", port);
    assert_true(rig_until(&rig, one_waits, &rig, 5));
    for (unsigned i = 0; i < 3 * MPS_GREETER_MAX; i++) {
        fds[i] = dial_from("127.0.0.1", port);
        rig_run(&rig, 0.001);
    }
    rig_run(&rig, 0.05);
    assert_int_equal(rig.server_hub.greeter.n_waiting, MPS_GREETER_MAX);
    msg.join.token = 1;
    msg.join.subflow_id = 2;
    send_opening(r.fd, &msg);
    assert_true(rig_until(&rig, read_message, &r, 5));
    assert_int_equal(mps_opening_parse(r.buf, r.n, &got, &len), 0);
    assert_int_equal(got.reason, MPS_REASON_UNKNOWN_TOKEN);
    close(r.fd);
    for (unsigned i = 0; i < 3 * MPS_GREETER_MAX; i++)
        close(fds[i]);
    rig_deinit(&rig);
}

static void no_join(struct mps_joinlis *self, int fd)
{
    close(fd);
}

/* Agents that share a range get one port each; when it is used up, any other. */
static void test_join_port_range(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct mps_joinlis lis[3];
    struct mps_ports range = {0, 0};
    uint16_t port;

    for (unsigned i = 0; i < 3; i++)
        mps_joinlis_init(&lis[i], loop, no_join, NULL);
    port = mps_joinlis_port(&lis[0], range);
    assert_true(port > 0);
    assert_int_equal(mps_joinlis_port(&lis[0], (struct mps_ports){7, 7}), port);
    range = (struct mps_ports){port, (uint16_t)(port < 65500 ? port + 30 : 65535)};
    assert_in_range(mps_joinlis_port(&lis[1], range), port + 1, range.last);
    port = lis[1].port;
    range = (struct mps_ports){lis[0].port, lis[0].port};
    assert_true(mps_joinlis_port(&lis[2], range) > 0);
    assert_int_not_equal(lis[2].port, lis[0].port);
    assert_int_not_equal(lis[2].port, port);
    for (unsigned i = 0; i < 3; i++)
        mps_joinlis_deinit(&lis[i]);
    ev_loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join_unknown_token),  cmocka_unit_test(test_join_bad_hmac),
        cmocka_unit_test(test_join_listener_abuse), cmocka_unit_test(test_join_listener_flood),
        cmocka_unit_test(test_join_port_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
