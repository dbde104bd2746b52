/* SPDX-License-Identifier: MIT */
/*
 * What an agent answers to each request: broken ones, from other users, withdrawn, options, status.
 */
#include "agent_client.h"
#include "agent_pair.h"
#include "rig.h"
#include "test.h"

#include <errno.h>
#include <json-c/json.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A connection takes one request. */
static int redial(const struct agent_client *a, int conn)
{
    assert_true(agent_pair_readable(conn, POLLHUP));
    close(conn);
    return agent_dial(a);
}

static void test_broken_requests(void **state)
{
    struct agent_client a;
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    int conn, fd;

    assert_true(agent_start(&a, "idle=1"));
    for (unsigned i = 0; i < 4; i++) {
        conn = agent_dial(&a);
        agent_request(&req, MPS_HO_PING);
        if (i == 0)
            req.magic++;
        if (i == 1)
            req.version++;
        if (i == 2)
            req.len = MPS_HO_DATA_MAX + 1;
        if (i == 3)
            assert_int_equal(send(conn, &req, 20, MSG_NOSIGNAL), 20);
        assert_false(agent_call(conn, &req, -1, &reply, &fd));
        close(conn);
    }
    conn = agent_dial(&a);
    agent_request(&req, 999);
    assert_true(agent_call(conn, &req, 0, &reply, &fd));
    assert_int_equal(reply.status, MPS_HO_ERROR);
    assert_int_equal(reply.error, EOPNOTSUPP);
    /* Connections without a descriptor, or with one that is no TCP connection. */
    agent_request(&req, MPS_HO_CONNECTED);
    close(conn);
    conn = agent_dial_for(&a, MPS_HO_CONNECTED);
    assert_true(agent_call(conn, &req, -1, &reply, &fd));
    assert_int_equal(reply.status, MPS_HO_ERROR);
    close(conn);
    conn = agent_dial_for(&a, MPS_HO_CONNECTED);
    assert_true(agent_call(conn, &req, conn, &reply, &fd));
    assert_int_equal(reply.status, MPS_HO_ERROR);
    agent_request(&req, MPS_HO_LISTEN);
    conn = redial(&a, conn);
    assert_true(agent_call(conn, &req, conn, &reply, &fd));
    assert_int_equal(reply.status, MPS_HO_ERROR);
    agent_request(&req, MPS_HO_SETOPT);
    conn = redial(&a, conn);
    assert_true(agent_call(conn, &req, -1, &reply, &fd));
    assert_int_equal(reply.error, ENOTCONN);
    agent_request(&req, MPS_HO_PING);
    conn = redial(&a, conn);
    assert_true(agent_call(conn, &req, -1, &reply, &fd));
    assert_int_equal(reply.status, MPS_HO_OK);
    close(conn);
    assert_int_equal(agent_wait(&a, 10), 0);
}

/* Another user needs the secret. */
static int call_as_nobody(const struct agent_client *a, bool right)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        struct mps_ho_request req;
        struct mps_ho_reply reply;
        int fd, conn;

        if (setuid(65534) < 0)
            _exit(2);
        conn = agent_dial(a);
        agent_request(&req, MPS_HO_PING);
        req.secret[3] ^= right ? 0 : 1;
        _exit(agent_call(conn, &req, -1, &reply, &fd) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
}

static void test_secret(void **state)
{
    struct agent_client a;

    if (geteuid() != 0)
        skip();
    assert_true(agent_start(&a, "idle=1"));
    assert_int_equal(call_as_nobody(&a, true), 0);
    assert_int_equal(call_as_nobody(&a, false), 1);
    assert_int_equal(agent_wait(&a, 10), 0);
}

/* A client that was not answered in time has gone on with its connection, which is left alone. */
static void test_withdrawn(void **state)
{
    int listener = rig_listen("127.0.0.1", 0, false), conn, c, s;
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    struct agent_client a;

    assert_true(agent_start(&a, "idle=1"));
    c = rig_dial("127.0.0.1", rig_port(listener), 0);
    s = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_return_code(kill(a.pid, SIGSTOP), errno);
    conn = agent_dial_for(&a, MPS_HO_CONNECTED);
    agent_request(&req, MPS_HO_CONNECTED);
    assert_true(agent_send(conn, &req, c));
    assert_return_code(shutdown(conn, SHUT_RDWR), errno);
    assert_return_code(kill(a.pid, SIGCONT), errno);
    /* No reply: an end, or a reset if the agent was faster, which leaves a byte unread. */
    assert_true(recv(conn, &reply, sizeof(reply), 0) <= 0);
    close(conn);
    assert_int_equal(agent_wait(&a, 10), 0); /* a session would keep it */
    agent_pair_echo(c, s);
    agent_pair_echo(s, c);
    close(c);
    assert_int_equal(recv(s, &reply, 1, 0), 0);
    close(s);
    close(listener);
}

/* ---- started before it is needed ---- */

/* A request by a child with that user id; the reply's status, -1 if there is none. */
static int request_as(const struct agent_client *a, uid_t uid, int op, int fd)
{
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    int status, got;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        int conn = -1;

        agent_request(&req, op);
        if (setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0)
            conn = agent_dial_for(a, op);
        _exit(conn >= 0 && agent_call(conn, &req, fd, &reply, &got) ? reply.status : 99);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) != 99 ? WEXITSTATUS(status) : -1;
}

/* Real, effective, saved and file system user ids of the agent, if they are one. */
static int user_of(const struct agent_client *a)
{
    char name[64], line[256];
    int real = -1, effective, saved, files;
    FILE *f;

    snprintf(name, sizeof(name), "/proc/%d/status", (int)a->pid);
    f = fopen(name, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "Uid: %d %d %d %d", &real, &effective, &saved, &files) == 4)
            break;
    }
    fclose(f);
    return real == effective && real == saved && real == files ? real : -1;
}

static void test_early(void **state)
{
    int listener = rig_listen("127.0.0.1", 0, true);
    struct agent_client a;

    if (geteuid() != 0)
        skip();
    /* Of the first program that hands something over; to be looked at does not count. */
    assert_true(agent_start_early(&a, "idle=1"));
    assert_int_equal(request_as(&a, 0, MPS_HO_STATUS, -1), MPS_HO_OK);
    assert_int_equal(user_of(&a), 0);
    assert_int_equal(request_as(&a, 65534, MPS_HO_LISTEN, listener), MPS_HO_OK);
    assert_int_equal(user_of(&a), 65534);
    assert_int_equal(request_as(&a, 0, MPS_HO_PING, -1), MPS_HO_OK);
    close(listener);
    assert_int_equal(agent_wait(&a, 20), 0);

    listener = rig_listen("127.0.0.1", 0, true);
    assert_true(agent_start_early(&a, "idle=1"));
    assert_int_equal(request_as(&a, 0, MPS_HO_LISTEN, listener), MPS_HO_OK);
    assert_int_equal(request_as(&a, 65534, MPS_HO_LISTEN, listener), MPS_HO_OK);
    assert_int_equal(user_of(&a), 0);
    close(listener);
    assert_int_equal(agent_wait(&a, 20), 0);
}

static void option_call(struct agent_pair *p, int op, int level, int name, const void *data,
                        size_t len, struct mps_ho_reply *reply)
{
    int conn = agent_dial(&p->client), fd;
    struct mps_ho_request req;

    agent_request(&req, op);
    req.conn_id = p->id_client;
    req.level = level;
    req.name = name;
    req.len = (uint32_t)len;
    if (data)
        memcpy(req.data, data, len);
    assert_true(agent_call(conn, &req, -1, reply, &fd));
    close(conn);
}

static void test_options(void **state)
{
    struct mps_ho_reply reply;
    struct tcp_info info;
    struct agent_pair p;
    int value = 1, got;

    agent_pair_start(&p);
    option_call(&p, MPS_HO_GETOPT, IPPROTO_TCP, TCP_NODELAY, NULL, sizeof(int), &reply);
    memcpy(&got, reply.data, sizeof(got));
    assert_int_equal(reply.status, MPS_HO_OK);
    assert_int_equal(got, 0);
    option_call(&p, MPS_HO_SETOPT, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value), &reply);
    assert_int_equal(reply.status, MPS_HO_OK);
    option_call(&p, MPS_HO_GETOPT, IPPROTO_TCP, TCP_NODELAY, NULL, sizeof(int), &reply);
    memcpy(&got, reply.data, sizeof(got));
    assert_int_equal(got, 1);
    value = 77;
    option_call(&p, MPS_HO_SETOPT, IPPROTO_TCP, TCP_KEEPIDLE, &value, sizeof(value), &reply);
    assert_int_equal(reply.status, MPS_HO_OK);
    option_call(&p, MPS_HO_GETOPT, IPPROTO_TCP, TCP_KEEPIDLE, NULL, sizeof(int), &reply);
    memcpy(&got, reply.data, sizeof(got));
    assert_int_equal(got, 77);
    option_call(&p, MPS_HO_SETOPT, IPPROTO_TCP, TCP_ULP, "tls", 4, &reply);
    assert_int_equal(reply.error, ENOPROTOOPT);
    option_call(&p, MPS_HO_SETOPT, IPPROTO_TCP, TCP_CONGESTION, "nosuch", 6, &reply);
    assert_int_equal(reply.error, ENOENT);
    option_call(&p, MPS_HO_GETOPT, IPPROTO_TCP, TCP_INFO, NULL, sizeof(info), &reply);
    assert_int_equal(reply.status, MPS_HO_OK);
    memcpy(&info, reply.data, sizeof(info));
    assert_int_equal(info.tcpi_state, 1);
    agent_pair_end(&p);
}

static const char *text_of(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;

    assert_true(json_object_object_get_ex(o, key, &value));
    return json_object_get_string(value);
}

static struct json_object *status_of(const struct agent_client *a, int op, uint64_t id)
{
    int conn = agent_dial(a), fd;
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    static char text[65536];
    struct json_object *root;
    ssize_t n;

    agent_request(&req, op);
    req.conn_id = id;
    assert_true(agent_call(conn, &req, -1, &reply, &fd));
    assert_true(fd >= 0);
    n = read(fd, text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n] = '\0';
    close(fd);
    close(conn);
    root = json_tokener_parse(text);
    assert_non_null(root);
    return root;
}

static void test_status(void **state)
{
    struct json_object *root, *o, *subflows = NULL;
    struct agent_pair p;
    char want[32];

    agent_pair_start(&p);
    assert_int_equal(send(p.app_client, "12345", 5, 0), 5);
    assert_true(agent_pair_readable(p.app_server, POLLIN));
    root = status_of(&p.server, MPS_HO_STATUS, 0);
    assert_true(json_object_is_type(root, json_type_array));
    assert_int_equal(json_object_array_length(root), 2);
    o = json_object_array_get_idx(root, 1);
    assert_string_equal(text_of(o, "state"), "memory");
    assert_string_equal(text_of(o, "connections"), "1");
    assert_string_equal(text_of(o, "count"), "0");
    assert_true(atol(text_of(o, "memory_used")) > 1000);
    assert_true(atol(text_of(o, "memory_promised")) > 1000);
    assert_true(atol(text_of(o, "memory_limit")) > 1000000);
    assert_true(json_object_object_get_ex(o, "peers", &subflows));
    assert_int_equal(json_object_array_length(subflows), 1);
    assert_string_equal(text_of(json_object_array_get_idx(subflows, 0), "address"), "127.0.0.1");
    o = json_object_array_get_idx(root, 0);
    assert_true(atol(text_of(o, "memory_used")) > 1000);
    assert_string_equal(text_of(o, "mode"), "multipath");
    assert_string_equal(text_of(o, "state"), "established");
    assert_string_equal(text_of(o, "role"), "server");
    assert_string_equal(text_of(o, "bytes_received"), "5");
    assert_int_equal(strlen(text_of(o, "token")), 8);
    snprintf(want, sizeof(want), "127.0.0.1:%u", rig_port(p.listener));
    assert_string_equal(text_of(o, "local"), want);
    snprintf(want, sizeof(want), "%d", (int)getpid());
    assert_string_equal(text_of(o, "process"), want);
    assert_true(json_object_object_get_ex(o, "subflows", &subflows));
    assert_int_equal(json_object_array_length(subflows), 1);
    o = json_object_array_get_idx(subflows, 0);
    assert_string_equal(text_of(o, "state"), "active");
    json_object_put(root);
    root = status_of(&p.client, MPS_HO_CONN_STATUS, p.id_client);
    assert_true(json_object_is_type(root, json_type_object));
    assert_string_equal(text_of(root, "bytes_sent"), "5");
    json_object_put(root);
    agent_pair_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken_requests), cmocka_unit_test(test_secret),
        cmocka_unit_test(test_withdrawn),       cmocka_unit_test(test_early),
        cmocka_unit_test(test_options),         cmocka_unit_test(test_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
