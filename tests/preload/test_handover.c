/* SPDX-License-Identifier: MIT */
/* lib/handover: names, configuration, the call, spawning. */
#include "lib/test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "fake_agent.h"
#include "handover/ask.h"
#include "handover/client.h"
#include "handover/exchange.h"
#include "handover/listening.h"
#include "handover/packet.h"
#include "handover/spawn.h"
#include "handover/sys.h"

static const char id[] = "0123456789abcdef";

static void test_names(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(0x0a00)};
    struct mps_ho_conn_name name;
    struct sockaddr_un un;
    socklen_t len;

    inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr);
    inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr);
    v6.sin6_scope_id = 7;
    len = mps_ho_conn_name(id, 0xfedcba9876543210u, (struct sockaddr *)&v4, (struct sockaddr *)&v6,
                           &un);
    assert_true(len > 0 && len <= sizeof(un));
    assert_true(mps_ho_conn_name_parse(&un, len, &name));
    assert_string_equal(name.agent_id, id);
    assert_true(name.conn_id == 0xfedcba9876543210u);
    assert_memory_equal(&name.local, &v4, sizeof(v4));
    assert_memory_equal(&name.peer, &v6, sizeof(v6));
    assert_int_equal(mps_ho_sockaddr_len(&name.peer), sizeof(v6));

    assert_false(mps_ho_conn_name_parse(&un, len - 1, &name));
    un.sun_path[1] = 'x';
    assert_false(mps_ho_conn_name_parse(&un, len, &name));
    len = mps_ho_agent_name(id, &un);
    assert_false(mps_ho_conn_name_parse(&un, len, &name));
    v4.sin_family = AF_UNIX;
    assert_int_equal(mps_ho_conn_name(id, 1, (struct sockaddr *)&v4, (struct sockaddr *)&v6, &un),
                     0);
    assert_true(mps_ho_id_valid(id));
    assert_false(mps_ho_id_valid("0123456789abcdeF"));
    assert_false(mps_ho_id_valid("0123456789abcdef0"));
}

static void test_config(void **state)
{
    static const char *const bad[] = {
        "",
        ":",
        "0123456789abcdef",
        "0123456789abcdef:00112233445566778899aabbccddeeff",
        "0123456789abcdef:00112233445566778899aabbccddeeff:",
        "0123456789abcdef:00112233445566778899aabbccddeeff:1x",
        "0123456789abcdef:00112233445566778899aabbccddeeff:4294967295",
        "0123456789abcdeg:00112233445566778899aabbccddeeff:0",
        "0123456789abcdef:00112233445566778899aabbccddeefg:0",
        "0123456789abcdeF:00112233445566778899aabbccddeeff:0",
        "0123456789abcdef:00112233445566778899aabbccddeefF:0",
        "0123456789abcdef:00112233445566778899aabbccddeeff:99999999999999999999",
    };
    static struct mps_ho_config cfg;
    char text[MPS_HO_AGENT_ENV_MAX], big[MPS_HO_OPTIONS_MAX + 1];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(mps_ho_config_parse(&cfg, bad[i]));
    memset(big, 'a', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    assert_false(mps_ho_config_init(&cfg, NULL, "/x", NULL, NULL));
    assert_true(mps_ho_config_init(&cfg,
                                   "0123456789abcdef:00112233445566778899aabbccddeeff:4000000000",
                                   "/x", big, "/home/y"));
    assert_int_equal(cfg.uid, 4000000000u);
    assert_int_equal(cfg.secret[15], 0xff);
    assert_string_equal(cfg.program, "/x");
    assert_string_equal(cfg.options, "");
    assert_string_equal(cfg.home, "/home/y");
    mps_ho_config_format(cfg.agent_id, cfg.secret, cfg.uid, text);
    assert_string_equal(text, cfg.agent_env);
    assert_true(mps_ho_config_invent(text));
    assert_true(mps_ho_config_init(&cfg, text, NULL, NULL, NULL));
    assert_int_equal(cfg.uid, geteuid());
    assert_string_not_equal(cfg.agent_id, id);
}

static void test_listening(void **state)
{
    static const struct {
        const char *line, *rest;
    } rows[] = {
        {"0000: 00000002 00000000 00010000 0005 01 1234 @mptcpshim/0123456789abcdef\n",
         "0123456789abcdef"},
        {"0000: 00000002 00000000 00010000 0005 01 1234 @mptcpshim/0123456789abcdef",
         "0123456789abcdef"},
        {"0000: 00000002 00000000 00000000 0005 01 1234 @mptcpshim/0123456789abcdef\n", NULL},
        {"0000: 00000002 00000000 00010000 0005 01 1234 @mptcpshim-monitor/1\n", NULL},
        {"0000: 00000002 00000000 00010000 0005 01 1234 /run/mptcpshim/x\n", NULL},
        {"0000: 00000002 00000000 00010000 0005 01 1234\n", NULL},
        {"@mptcpshim/0123456789abcdef\n", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char line[128];
        const char *rest;

        strcpy(line, rows[i].line);
        rest = mps_ho_listening(line, MPS_HO_NAME_PREFIX);
        if (rows[i].rest)
            assert_string_equal(rest, rows[i].rest);
        else
            assert_null(rest);
    }
}

static int descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* A stranger's packet with more descriptors than one: no number is lost to it. */
static void test_packet(void **state)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(3 * sizeof(int))];
    } control = {.head = {.cmsg_len = CMSG_LEN(3 * sizeof(int)),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS}};
    struct iovec iov = {.iov_base = (void *)id, .iov_len = sizeof(id)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    const int three[3] = {STDIN_FILENO, STDIN_FILENO, STDIN_FILENO};
    int pair[2], fd, before;
    char got[32];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    memcpy(CMSG_DATA(&control.head), three, sizeof(three));
    before = descriptors();
    assert_int_equal(sendmsg(pair[0], &msg, 0), sizeof(id));
    assert_int_equal(mps_ho_packet_receive(pair[1], got, sizeof(got), 0, &fd), sizeof(id));
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(descriptors(), before + 1);
    close(fd);
    assert_int_equal(mps_ho_packet_send(pair[0], id, sizeof(id), 0, -1), sizeof(id));
    assert_int_equal(mps_ho_packet_receive(pair[1], got, sizeof(got), 0, &fd), sizeof(id));
    assert_int_equal(fd, -1);
    assert_int_equal(mps_ho_packet_receive(pair[1], got, sizeof(got), MSG_DONTWAIT, &fd), -1);
    assert_int_equal(errno, EAGAIN);
    close(pair[0]);
    close(pair[1]);
}

struct call {
    enum mps_ho_result result;
    struct mps_ho_reply reply;
    int fd;
};

static struct call call(const struct mps_ho_config *cfg)
{
    static struct mps_ho_request req;
    struct call c = {.fd = -2};

    memset(&req, 0, sizeof(req));
    req.op = MPS_HO_PING;
    errno = ENOTTY;
    c.result = mps_ho_call(cfg, NULL, &req, STDIN_FILENO, false, &c.reply, &c.fd);
    assert_int_equal(errno, ENOTTY);
    return c;
}

static void test_call_results(void **state)
{
    static const struct {
        enum fake_behaviour behaviour;
        enum mps_ho_result result;
        int status;
    } rows[] = {
        {FAKE_PLAIN, MPS_HO_REPLIED, MPS_HO_AGAIN_PLAIN},
        {FAKE_ERROR, MPS_HO_REPLIED, MPS_HO_ERROR},
        {FAKE_LOST, MPS_HO_LOST, 0},
        {FAKE_SILENT, MPS_HO_WITHDRAWN, 0},
        {FAKE_GARBAGE, MPS_HO_GARBLED, 0},
    };
    static struct mps_ho_config cfg;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct call c;
        pid_t agent;

        fake_agent_config(&cfg);
        agent = fake_agent_start(&cfg, rows[i].behaviour);
        c = call(&cfg);
        fake_agent_stop(agent);
        assert_int_equal(c.result, rows[i].result);
        assert_int_equal(c.fd, -1);
        if (c.result == MPS_HO_REPLIED)
            assert_int_equal(c.reply.status, rows[i].status);
    }
    assert_int_equal(call(&cfg).result, MPS_HO_UNSENT); /* nobody listens any more */
}

static long long now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Of a call that must not block: a short wait, and for the next while none at all. */
static void test_call_in_a_hurry(void **state)
{
    static struct mps_ho_config cfg;
    struct mps_ho_request req = {.op = MPS_HO_PING, .flags = MPS_HO_NONBLOCK};
    struct mps_ho_reply reply;
    long long start = now_ms();
    struct call c;
    pid_t agent;
    int fd;

    fake_agent_config(&cfg);
    agent = fake_agent_start(&cfg, FAKE_SILENT);
    assert_int_equal(mps_ho_call(&cfg, NULL, &req, -1, false, &reply, &fd), MPS_HO_WITHDRAWN);
    assert_true(now_ms() - start >= MPS_HO_SHORT_MS);
    assert_true(now_ms() - start < MPS_HO_PATIENT_MS);
    assert_int_equal(mps_ho_call(&cfg, NULL, &req, -1, false, &reply, &fd), MPS_HO_UNSENT);
    fake_agent_stop(agent);
    agent = fake_agent_start(&cfg, FAKE_OK);
    c = call(&cfg);
    assert_int_equal(c.result, MPS_HO_REPLIED);
    close(c.fd);
    while (mps_ho_call(&cfg, NULL, &req, -1, false, &reply, &fd) == MPS_HO_UNSENT)
        assert_true(now_ms() - start < 2 * MPS_HO_PATIENT_MS);
    assert_true(fd >= 0);
    close(fd);
    fake_agent_stop(agent);
}

static void test_call_descriptor(void **state)
{
    static struct mps_ho_config cfg;
    struct rlimit limit, low;
    struct call c;
    pid_t agent;
    int next = dup(0);

    close(next);
    fake_agent_config(&cfg);
    agent = fake_agent_start(&cfg, FAKE_OK);
    c = call(&cfg);
    assert_int_equal(c.result, MPS_HO_REPLIED);
    assert_int_equal(c.reply.len, MPS_HO_SECRET_LEN);
    assert_memory_equal(c.reply.data, cfg.secret, MPS_HO_SECRET_LEN);
    assert_true(c.fd >= 0);
    assert_int_equal(fcntl(c.fd, F_GETFD), FD_CLOEXEC);
    close(c.fd);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    low = limit;
    /* One number for the call, one for the reply; with less nothing is sent. */
    low.rlim_cur = (rlim_t)next + 2;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    c = call(&cfg);
    assert_int_equal(c.result, MPS_HO_REPLIED);
    assert_true(c.fd >= 0);
    close(c.fd);
    low.rlim_cur = (rlim_t)next + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(call(&cfg).result, MPS_HO_UNSENT);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    fake_agent_stop(agent);
    assert_int_equal(dup(0), next); /* no descriptor is left */
    close(next);
}

/* The name of the application's end tells both addresses. */
static void test_exchange_names(void **state)
{
    static struct mps_ho_config cfg;
    const struct mps_exchange_ops ops = {.commit = NULL};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in local;
    struct mps_exchange exchange = {.config = &cfg, .ops = &ops, .op = MPS_HO_CONNECTED};
    int listener = socket(AF_INET, SOCK_STREAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
    struct mps_ho_conn_name name;
    socklen_t len = sizeof(at);
    pid_t agent;

    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(tcp, (struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(tcp, (struct sockaddr *)&local, &len), 0);
    fake_agent_config(&cfg);
    agent = fake_agent_start(&cfg, FAKE_OK);
    exchange.cookie = mps_exchange_cookie(tcp);
    assert_int_equal(mps_exchange(&exchange, tcp), MPS_EXCHANGE_DONE);
    fake_agent_stop(agent);
    assert_int_equal(mps_ho_conn_of(tcp, &name), 1);
    assert_string_equal(name.agent_id, cfg.agent_id);
    assert_int_equal(name.conn_id, FAKE_CONN_ID);
    assert_memory_equal(&name.local, &local, sizeof(local));
    assert_memory_equal(&name.peer, &at, sizeof(at));
    assert_int_equal(fcntl(tcp, F_GETFL) & O_NONBLOCK, 0); /* as the TCP socket was */
    close(tcp);
    close(listener);
}

/* Once the program has closed the descriptor, epoll has forgotten it: the agent has no copy. */
static void test_call_alone(void **state)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT};
    static struct mps_ho_config cfg;
    int epoll = epoll_create1(EPOLL_CLOEXEC), open, closed;
    bool registered;
    struct call c;
    pid_t agent;

    fake_agent_config(&cfg);
    agent = fake_agent_start(&cfg, FAKE_SLOW);
    c = call(&cfg);
    registered = epoll_ctl(epoll, EPOLL_CTL_ADD, c.fd, &event) == 0;
    open = epoll_wait(epoll, &event, 1, 0);
    close(c.fd);
    closed = epoll_wait(epoll, &event, 1, 0);
    fake_agent_stop(agent);
    assert_int_equal(c.result, MPS_HO_REPLIED);
    assert_true(registered);
    assert_int_equal(open, 1); /* the other end is closed */
    assert_int_equal(closed, 0);
    close(epoll);
}

/* Somebody else took the agent's name: not even the secret is sent. */
static void test_call_stranger(void **state)
{
    static struct mps_ho_config cfg;
    const uid_t stranger = 65533;
    pid_t agent;

    if (geteuid() != 0)
        skip(); /* only root can act as another user */
    fake_agent_config(&cfg);
    assert_int_equal(seteuid(stranger), 0);
    agent = fake_agent_start(&cfg, FAKE_OK);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(call(&cfg).result, MPS_HO_UNSENT);
    cfg.uid = stranger; /* now it is the one that the environment speaks of */
    assert_int_equal(call(&cfg).result, MPS_HO_REPLIED);
    fake_agent_stop(agent);
}

/* A server that gave up root has an agent of its own user. */
static void test_call_own_user(void **state)
{
    static struct mps_ho_config cfg;
    pid_t agent;

    fake_agent_config(&cfg);
    agent = fake_agent_start(&cfg, FAKE_OK);
    cfg.uid = geteuid() + 1;
    assert_int_equal(call(&cfg).result, MPS_HO_REPLIED);
    fake_agent_stop(agent);
}

static volatile sig_atomic_t ticks;

static void on_tick(int sig)
{
    ticks++;
}

/* Signals wait; none is lost, none interrupts. */
static void test_call_signals(void **state)
{
    struct itimerval often = {{0, 200}, {0, 200}}, never = {0};
    struct sigaction action = {.sa_handler = on_tick};
    static struct mps_ho_config cfg;
    pid_t agent;

    fake_agent_config(&cfg);
    agent = fake_agent_start(&cfg, FAKE_PLAIN);
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(call(&cfg).result, MPS_HO_REPLIED);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_true(ticks > 0);
    fake_agent_stop(agent);
}

static void write_script(char *path, const char *text)
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, 0700), 0);
    close(fd);
}

static int signals_of_child;

static void on_child(int sig)
{
    signals_of_child++;
}

static void test_spawn(void **state)
{
    static struct mps_ho_config cfg;
    char program[] = "/tmp/mptcpshim-test-XXXXXX", report[] = "/tmp/mptcpshim-test-XXXXXX";
    char script[512], text[2048] = "";
    ssize_t n;
    int fd = mkstemp(report), status;

    assert_true(fd >= 0);
    snprintf(script, sizeof(script),
             "#!/bin/sh\n{ echo \"args $*\"; env | sort; ls /proc/$$/fd | tr '\\n' ' '; "
             "grep SigIgn /proc/$$/status; grep SigBlk /proc/self/status; pwd; } > %s\necho >&3\n",
             report);
    write_script(program, script);
    fake_agent_config(&cfg);
    strcpy(cfg.program, program);
    strcpy(cfg.options, "idle=1");
    strcpy(cfg.home, "/nowhere");
    signal(SIGCHLD, on_child);
    signal(SIGUSR1, SIG_IGN);
    {
        mps_sys_sigset_t mask = mps_sys_block();

        assert_true(mps_ho_spawn(&cfg, MPS_HO_PATIENT_MS));
        mps_sys_unblock(mask);
    }
    n = pread(fd, text, sizeof(text) - 1, 0);
    assert_true(n > 0);
    assert_non_null(strstr(text, "args --ready-fd 3\n"));
    assert_non_null(strstr(text, "HOME=/nowhere\n"));
    assert_non_null(strstr(text, "MPTCPSHIM_OPTIONS=idle=1\n"));
    assert_non_null(strstr(text, cfg.agent_env));
    assert_null(strstr(text, "LD_"));
    assert_null(strstr(text, "TEST_AGENT"));
    assert_non_null(strstr(text, "SigIgn:\t0000000000000000\n"));
    assert_non_null(strstr(text, "SigBlk:\t0000000000000000\n"));
    assert_non_null(strstr(text, "\n/\n"));
    assert_int_equal(wait(&status), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(signals_of_child, 0);
    unlink(program);
    unlink(report);
    close(fd);
}

/* After a failure no new attempt is made for a while. */
static void test_spawn_fails(void **state)
{
    static struct mps_ho_config cfg;

    fake_agent_config(&cfg);
    assert_false(mps_ho_spawn(&cfg, MPS_HO_PATIENT_MS)); /* no program */
    strcpy(cfg.program, "/nonexistent/agent");
    assert_true(mps_ho_spawn(&cfg, MPS_HO_PATIENT_MS));
    assert_false(mps_ho_spawn(&cfg, MPS_HO_PATIENT_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),           cmocka_unit_test(test_config),
        cmocka_unit_test(test_call_results),    cmocka_unit_test(test_call_in_a_hurry),
        cmocka_unit_test(test_call_descriptor), cmocka_unit_test(test_call_alone),
        cmocka_unit_test(test_call_stranger),   cmocka_unit_test(test_call_own_user),
        cmocka_unit_test(test_call_signals),    cmocka_unit_test(test_spawn),
        cmocka_unit_test(test_spawn_fails),     cmocka_unit_test(test_listening),
        cmocka_unit_test(test_packet),          cmocka_unit_test(test_exchange_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
