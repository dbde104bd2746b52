/* SPDX-License-Identifier: MIT */
/* One agent with many connections over its threads (MPS_TEST_OPTIONS: threads=N). */
#include "agent_client.h"
#include "rig.h"
#include "stream.h"
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <json-c/json.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/agent/clock.h"
#include "engine/net/sock.h"

#define CONNECTIONS 24
#define TWO_LOCALS  "idle=1 no-subflow-timeout=1 local=127.0.0.1,127.0.0.2"
#define EACH_WAY    (1u << 20)

struct net {
    struct agent_client client, server;
    int listener;
    int monitor;              /* of the client's agent */
    unsigned created, closed; /* events that it told */
    struct {
        int client, server; /* the applications' ends */
        uint64_t id;        /* at the client's agent */
    } conn[CONNECTIONS];
};

static struct mps_ho_reply call(const struct agent_client *a, struct mps_ho_request *req, int fd,
                                int *ret_fd)
{
    int conn = agent_dial_for(a, req->op);
    struct mps_ho_reply reply;

    assert_true(conn >= 0);
    assert_true(agent_call(conn, req, fd, &reply, ret_fd));
    close(conn);
    return reply;
}

static struct mps_ho_reply say(const struct agent_client *a, int op, const char *data)
{
    struct mps_ho_request req;
    int fd;

    agent_request(&req, op);
    req.len = (uint32_t)strlen(data);
    memcpy(req.data, data, req.len);
    return call(a, &req, -1, &fd);
}

static int hand_over(const struct agent_client *a, int op, int tcp, uint64_t *ret_id)
{
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    int fd;

    agent_request(&req, op);
    reply = call(a, &req, tcp, &fd);
    assert_int_equal(reply.status, MPS_HO_OK);
    assert_true(fd >= 0);
    if (ret_id)
        *ret_id = reply.conn_id;
    close(tcp);
    return fd;
}

/* Take what came: nobody may have to wait for us, or events are lost. */
static void watch(struct net *n)
{
    char text[MPS_HO_EVENT_MAX];
    ssize_t len;

    while ((len = recv(n->monitor, text, sizeof(text) - 1, MSG_DONTWAIT)) > 0) {
        text[len] = '\0';
        assert_null(strstr(text, "\"lost\""));
        n->created += strstr(text, "\"event\":\"created\"") != NULL;
        n->closed += strstr(text, "\"event\":\"closed\"") != NULL;
    }
}

static void net_start(struct net *n, bool steer)
{
    struct mps_ho_request req;
    int pair[2], fd;

    assert_true(agent_start(&n->client, TWO_LOCALS " stop-timeout=1"));
    assert_true(agent_start(&n->server, TWO_LOCALS));
    assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), errno);
    /* Room for what comes while we look elsewhere; with privilege that is more. */
    mps_sock_set_int(pair[1], SOL_SOCKET, SO_SNDBUF, 1 << 20);
    mps_sock_set_int(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, 1 << 20);
    agent_request(&req, MPS_HO_MONITOR);
    assert_int_equal(call(&n->client, &req, pair[1], &fd).status, MPS_HO_OK);
    close(pair[1]);
    n->monitor = pair[0];
    n->listener = rig_listen("127.0.0.1", 0, true);
    if (steer) {
        agent_request(&req, MPS_HO_LISTEN);
        req.flags = MPS_HO_STEER;
        assert_int_equal(call(&n->server, &req, n->listener, &fd).status, MPS_HO_OK);
    }
    /* All of them first: without steering, joins come to this listener, too. */
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        n->conn[i].client = rig_dial("127.0.0.1", rig_port(n->listener), 0);
        n->conn[i].server = accept4(n->listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(n->conn[i].server >= 0);
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        n->conn[i].client =
            hand_over(&n->client, MPS_HO_CONNECTED, n->conn[i].client, &n->conn[i].id);
        n->conn[i].server = hand_over(&n->server, MPS_HO_ACCEPTED, n->conn[i].server, NULL);
        watch(n);
    }
}

static void net_end(struct net *n)
{
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        close(n->conn[i].client);
        close(n->conn[i].server);
        watch(n);
    }
    close(n->listener);
    assert_int_equal(agent_wait(&n->client, 20), 0);
    assert_int_equal(agent_wait(&n->server, 20), 0);
    watch(n);
    assert_int_equal(n->created, CONNECTIONS);
    assert_int_equal(n->closed, CONNECTIONS);
    close(n->monitor);
}

/* ---- traffic ---- */

static void transfer(struct net *n)
{
    static struct stream s[2 * CONNECTIONS];
    struct pollfd pfd[2 * CONNECTIONS];
    mps_time_t end = mps_clock_now() + 60 * MPS_SEC;
    unsigned done = 0;

    memset(s, 0, sizeof(s));
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        s[2 * i] = (struct stream){.from = n->conn[i].client, .to = n->conn[i].server};
        s[2 * i + 1] = (struct stream){.from = n->conn[i].server, .to = n->conn[i].client};
    }
    for (unsigned i = 0; i < 2 * CONNECTIONS; i++) {
        s[i].seed = 100 + i;
        s[i].length = EACH_WAY;
        pfd[i] = (struct pollfd){.fd = s[i].to, .events = POLLIN};
    }
    while (done < 2 * CONNECTIONS && mps_clock_now() < end) {
        done = 0;
        for (unsigned i = 0; i < 2 * CONNECTIONS; i++)
            done += stream_step(&s[i]);
        watch(n);
        if (done < 2 * CONNECTIONS)
            poll(pfd, 2 * CONNECTIONS, 10);
    }
    for (unsigned i = 0; i < 2 * CONNECTIONS; i++) {
        assert_false(s[i].broken);
        assert_int_equal(s[i].error, 0);
        assert_int_equal(s[i].received, EACH_WAY);
    }
}

/* ---- looking in ---- */

static struct json_object *list_of(const struct agent_client *a, int op)
{
    struct mps_ho_request req;
    struct json_object *list;
    int fd;

    agent_request(&req, op);
    assert_int_equal(call(a, &req, -1, &fd).status, MPS_HO_OK);
    list = json_object_from_fd(fd);
    close(fd);
    assert_non_null(list);
    return list;
}

static struct json_object *member(struct json_object *o, const char *key)
{
    struct json_object *value = NULL;

    assert_true(json_object_object_get_ex(o, key, &value));
    return value;
}

/* Every connection has two active subflows, `backups` of them backup. */
static bool all_have(const struct agent_client *a, unsigned backups)
{
    struct json_object *list = list_of(a, MPS_HO_STATUS);
    /* And one for the memory of all threads together. */
    bool all = json_object_array_length(list) == CONNECTIONS + 1;

    for (size_t i = 0; i + 1 < json_object_array_length(list); i++) {
        struct json_object *sub = member(json_object_array_get_idx(list, i), "subflows");
        unsigned active = 0, backup = 0;

        for (size_t k = 0; k < json_object_array_length(sub); k++) {
            struct json_object *f = json_object_array_get_idx(sub, k);

            active += strcmp(json_object_get_string(member(f, "state")), "active") == 0;
            backup += json_object_get_boolean(member(f, "backup"));
        }
        all = all && active == 2 && backup == backups;
    }
    json_object_put(list);
    return all;
}

static bool soon_all_have(struct net *n, const struct agent_client *a, unsigned backups)
{
    mps_time_t end = mps_clock_now() + 20 * MPS_SEC;

    while (!all_have(a, backups)) {
        if (mps_clock_now() > end)
            return false;
        watch(n);
        poll(NULL, 0, 10);
    }
    return true;
}

/* One engine needs no thread but the main one. A sanitizer has one of its own. */
static void check_tasks(const struct agent_client *a)
{
    unsigned threads = (unsigned)atoi(strchr(getenv("MPS_TEST_OPTIONS"), '=') + 1), n = 0;
    char path[64];
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)a->pid);
    dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.';
    closedir(dir);
    if (threads == 1 && !getenv("TSAN_OPTIONS") && !getenv("ASAN_OPTIONS"))
        assert_int_equal(n, 1);
    if (threads > 1)
        assert_true(n >= 1 + threads);
}

/* All threads have their part, and no id is there twice. */
static void check_spread(const struct agent_client *a)
{
    unsigned threads = (unsigned)atoi(strchr(getenv("MPS_TEST_OPTIONS"), '=') + 1);
    unsigned on[MPS_OPTIONS_THREADS] = {0};
    struct json_object *list = list_of(a, MPS_HO_STATUS);

    for (size_t i = 0; i < CONNECTIONS; i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        int thread = json_object_get_int(member(o, "thread"));

        assert_in_range(thread, 0, threads - 1);
        on[thread]++;
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(
                json_object_get_string(member(o, "id")),
                json_object_get_string(member(json_object_array_get_idx(list, k), "id")));
    }
    for (unsigned i = 0; i < threads; i++)
        assert_in_range(on[i], CONNECTIONS / threads / 2, 2 * CONNECTIONS / threads);
    json_object_put(list);
}

/* The subflows of both addresses, over all threads. */
static void check_paths(const struct agent_client *a)
{
    struct json_object *list = list_of(a, MPS_HO_PATHS);
    unsigned seen = 0;

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        const char *address = json_object_get_string(member(o, "address"));

        if (strcmp(address, "127.0.0.1") != 0 && strcmp(address, "127.0.0.2") != 0)
            continue;
        assert_int_equal(json_object_get_int(member(o, "subflows")), CONNECTIONS);
        seen++;
    }
    assert_int_equal(seen, 2);
    json_object_put(list);
}

/* By token and by id each finds its thread. */
static void set_each(struct net *n)
{
    struct json_object *list = list_of(&n->client, MPS_HO_STATUS);
    char text[80];

    for (size_t i = 0; i < CONNECTIONS; i++) {
        struct json_object *o = json_object_array_get_idx(list, i);

        snprintf(text, sizeof(text), "%s scheduler=roundrobin",
                 json_object_get_string(member(o, i % 2 ? "token" : "id")));
        assert_int_equal(say(&n->client, MPS_HO_CONN_SET, text).status, MPS_HO_OK);
    }
    json_object_put(list);
    list = list_of(&n->client, MPS_HO_STATUS);
    for (size_t i = 0; i < CONNECTIONS; i++)
        assert_string_equal(
            json_object_get_string(member(json_object_array_get_idx(list, i), "scheduler")),
            "roundrobin");
    json_object_put(list);
    assert_int_equal(say(&n->client, MPS_HO_CONN_SET, "0123456789abcdef scheduler=ecf").error,
                     ENOENT);
    assert_int_equal(say(&n->client, MPS_HO_CONN_SET, "").error, ENOENT);
}

static void options_of_each(struct net *n)
{
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct mps_ho_request req;
        int value = 50 + (int)i, fd;

        agent_request(&req, MPS_HO_SETOPT);
        req.conn_id = n->conn[i].id;
        req.level = IPPROTO_TCP;
        req.name = TCP_KEEPIDLE;
        req.len = sizeof(value);
        memcpy(req.data, &value, sizeof(value));
        assert_int_equal(call(&n->client, &req, -1, &fd).status, MPS_HO_OK);
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct mps_ho_request req;
        struct mps_ho_reply reply;
        int value, fd;

        agent_request(&req, MPS_HO_GETOPT);
        req.conn_id = n->conn[i].id;
        req.level = IPPROTO_TCP;
        req.name = TCP_KEEPIDLE;
        req.len = sizeof(value);
        reply = call(&n->client, &req, -1, &fd);
        assert_int_equal(reply.status, MPS_HO_OK);
        memcpy(&value, reply.data, sizeof(value));
        assert_int_equal(value, 50 + (int)i);
    }
}

/* ---- tests ---- */

static void test_many(void **state)
{
    struct net n = {.created = 0};

    net_start(&n, true);
    assert_true(soon_all_have(&n, &n.client, 0));
    check_tasks(&n.client);
    check_spread(&n.client);
    check_spread(&n.server);
    transfer(&n);
    check_paths(&n.client);
    /* The flag gets to every connection here, and from there to the peer's. */
    assert_int_equal(say(&n.client, MPS_HO_PATH, "set 127.0.0.2 backup=yes").status, MPS_HO_OK);
    assert_true(soon_all_have(&n, &n.client, 1));
    assert_true(soon_all_have(&n, &n.server, 1));
    set_each(&n);
    options_of_each(&n);
    transfer(&n);
    net_end(&n);
}

/* Without steering an engine needs the agent's own join listener. */
static void test_announced(void **state)
{
    struct net n = {.created = 0};

    net_start(&n, false);
    assert_true(soon_all_have(&n, &n.client, 0));
    assert_true(soon_all_have(&n, &n.server, 0));
    transfer(&n);
    net_end(&n);
}

/* Told to end while data flows: every application sees a reset, nothing hangs. */
static void test_told_to_end(void **state)
{
    static char some[65536];
    struct net n = {.created = 0};

    net_start(&n, true);
    assert_true(soon_all_have(&n, &n.client, 0));
    for (unsigned i = 0; i < CONNECTIONS; i++)
        assert_true(send(n.conn[i].client, some, sizeof(some), MSG_NOSIGNAL) > 0);
    assert_return_code(kill(n.client.pid, SIGTERM), errno);
    assert_int_equal(agent_wait(&n.client, 20), 0);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct pollfd pfd = {.fd = n.conn[i].server, .events = POLLIN};
        ssize_t got = 1;

        assert_int_equal(recv(n.conn[i].client, some, 1, 0), -1);
        assert_int_equal(errno, ECONNRESET);
        while (got > 0 && poll(&pfd, 1, 20000) == 1)
            got = recv(pfd.fd, some, sizeof(some), MSG_DONTWAIT);
        assert_int_equal(got, -1);
        assert_int_equal(errno, ECONNRESET);
        close(n.conn[i].client);
        close(n.conn[i].server);
    }
    close(n.listener);
    close(n.monitor);
    assert_int_equal(agent_wait(&n.server, 20), 0);
}

/* Who does not wait for the reply keeps the TCP connection as it was. */
static void test_reply_not_taken(void **state)
{
    int listener = rig_listen("127.0.0.1", 0, false);
    struct agent_client a;

    assert_true(agent_start(&a, "idle=1"));
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        int tcp = rig_dial("127.0.0.1", rig_port(listener), 0), fd;
        int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        int conn = agent_dial_for(&a, MPS_HO_CONNECTED);
        struct mps_ho_request req;
        struct mps_ho_reply reply;
        char byte = 0;

        assert_return_code(shutdown(conn, SHUT_RD), errno);
        agent_request(&req, MPS_HO_CONNECTED);
        assert_false(agent_call(conn, &req, tcp, &reply, &fd));
        close(conn);
        assert_int_equal(send(tcp, "x", 1, MSG_NOSIGNAL), 1);
        assert_int_equal(recv(peer, &byte, 1, 0), 1);
        assert_int_equal(byte, 'x');
        close(tcp);
        close(peer);
    }
    close(listener);
    assert_int_equal(agent_wait(&a, 20), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_announced),
        cmocka_unit_test(test_told_to_end),
        cmocka_unit_test(test_reply_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
