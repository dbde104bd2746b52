/* SPDX-License-Identifier: MIT */
/*
 * A program under the preload whose agent refuses, dies or is silent: the connection stays plain
 * TCP, or is reset where the agent might have written to it.
 */
#include "lib/test.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fake_agent.h"
#include "handover/marks.h"
#include "peer.h"

#define SIZE 300000 /* what the client of scenario connect_blocking sends */

struct child {
    pid_t pid;
    int out;  /* standard output */
    int text; /* standard error: the transcript */
};

static struct child start(const struct mps_ho_config *cfg, const char *role, const char *scenario,
                          const char *port)
{
    char *peer = getenv("TEST_PEER");
    char *argv[] = {peer, (char *)role, (char *)scenario, (char *)port, NULL};
    int out[2], text[2];
    struct child child;

    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(text, O_CLOEXEC), 0);
    child.pid = fork();
    if (child.pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(text[1], STDERR_FILENO);
        setenv("LD_PRELOAD", getenv("TEST_PRELOAD"), 1);
        setenv(MPS_ENV_AGENT, cfg->agent_env, 1);
        setenv(MPS_ENV_OPTIONS, "local=127.0.0.1", 1);
        unsetenv(MPS_ENV_PROGRAM);
        execv(peer, argv);
        _exit(127);
    }
    assert_true(child.pid > 0);
    close(out[1]);
    close(text[1]);
    child.out = out[0];
    child.text = text[0];
    return child;
}

/* The transcript; to be freed by nobody. */
static const char *finish(struct child *child)
{
    static char text[4096];
    size_t used = 0;
    ssize_t n;

    while ((n = read(child->text, text + used, sizeof(text) - 1 - used)) > 0)
        used += (size_t)n;
    text[used] = '\0';
    assert_int_equal(waitpid(child->pid, NULL, 0), child->pid);
    close(child->out);
    close(child->text);
    return text;
}

static void set_mss(int fd, int mss)
{
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss)), 0);
}

/* A listener that answers as a shim's does. */
static int marked_listener(char port[8])
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    int fd = peer_socket(SOCK_CLOEXEC);

    set_mss(fd, MPS_MARK_LISTEN);
    assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
    snprintf(port, 8, "%d", ntohs(sin.sin_port));
    return fd;
}

/* The client's connection comes through as plain TCP. */
static void check_plain(const struct mps_ho_config *cfg, const char *scenario)
{
    char port[8];
    int listener = marked_listener(port), fd;
    struct child child = start(cfg, "client", scenario, port);
    const char *text;

    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(receive_all(fd, 1, SIZE));
    send_pattern(fd, 1, SIZE);
    close(fd);
    text = finish(&child);
    assert_non_null(strstr(text, "#swapped 0\n"));
    assert_non_null(strstr(text, "received 1\nclient done\n"));
    close(listener);
}

static void test_connect_plain(void **state)
{
    static const enum fake_behaviour kinds[] = {FAKE_PLAIN, FAKE_ERROR, FAKE_LOST};
    static struct mps_ho_config cfg;
    pid_t agent;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        fake_agent_config(&cfg);
        agent = fake_agent_start(&cfg, kinds[i]);
        check_plain(&cfg, "connect_blocking");
        check_plain(&cfg, "connect_poll");
        check_plain(&cfg, "connect_write_at_once");
        fake_agent_stop(agent);
    }
    fake_agent_config(&cfg);
    agent = fake_agent_start(&cfg, FAKE_SILENT);
    check_plain(&cfg, "connect_poll");
    fake_agent_stop(agent);
    check_plain(&cfg, "connect_blocking"); /* no agent at all */
    check_plain(&cfg, "connect_poll");
}

/* An agent that does not answer keeps a copy of the socket: the program's close() ends it all. */
static void test_connect_lent(void **state)
{
    static struct mps_ho_config cfg;
    char port[8], byte;
    int listener = marked_listener(port), fd;
    struct pollfd p = {.events = POLLIN};
    struct child child;
    pid_t agent;

    fake_agent_config(&cfg);
    agent = fake_agent_start(&cfg, FAKE_SILENT);
    child = start(&cfg, "client", "connect_epoll_closed", port);
    p.fd = fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(receive_all(fd, 1, SIZE));
    send_pattern(fd, 1, SIZE);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_non_null(strstr(finish(&child), "closed 0\nclient done\n"));
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(read(fd, &byte, 1), 0);
    fake_agent_stop(agent);
    close(fd);
    close(listener);
}

/* The agent may hold the descriptor and write to it at any time: nothing may follow. */
static void test_connect_broken(void **state)
{
    static const enum fake_behaviour kinds[] = {FAKE_GARBAGE};
    static struct mps_ho_config cfg;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char port[8], byte;
        int listener = marked_listener(port), fd;
        struct child child;
        const char *text;
        pid_t agent;

        fake_agent_config(&cfg);
        agent = fake_agent_start(&cfg, kinds[i]);
        child = start(&cfg, "client", "connect_poll", port);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(read(fd, &byte, 1), -1);
        assert_int_equal(errno, ECONNRESET);
        close(fd);
        text = finish(&child);
        assert_non_null(strstr(text, "error ECONNRESET\n"));
        fake_agent_stop(agent);
        close(listener);
    }
}

/* A blocking connect() has given the program nothing yet: it makes a new connection. */
static void test_connect_again(void **state)
{
    static struct mps_ho_config cfg;
    char port[8], byte;
    int listener = marked_listener(port), fd;
    struct child child;
    const char *text;
    pid_t agent;

    fake_agent_config(&cfg);
    agent = fake_agent_start(&cfg, FAKE_GARBAGE);
    child = start(&cfg, "client", "connect_blocking", port);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    close(fd);
    fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(receive_all(fd, 1, SIZE));
    send_pattern(fd, 1, SIZE);
    close(fd);
    text = finish(&child);
    assert_non_null(strstr(text, "#swapped 0\n"));
    assert_non_null(strstr(text, "received 1\nclient done\n"));
    fake_agent_stop(agent);
    close(listener);
}

/* A marked connection that the server resets is recognised, also after connect() has told of it. */
static void test_refused(void **state)
{
    const struct linger abort = {.l_onoff = 1};
    struct sockaddr_in sin;
    socklen_t len = sizeof(sin);
    char port[8];
    int listener = marked_listener(port), fd = peer_socket(SOCK_CLOEXEC | SOCK_NONBLOCK), accepted;
    struct pollfd pfd = {.fd = fd};

    assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
    set_mss(fd, MPS_MARK_CONNECT);
    assert_int_equal(connect(fd, (struct sockaddr *)&sin, len), -1);
    assert_int_equal(errno, EINPROGRESS);
    accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(accepted >= 0);
    assert_int_equal(mps_marks_look(fd), MPS_MARKS_ANSWERED);
    assert_int_equal(setsockopt(accepted, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort)), 0);
    close(accepted);
    assert_int_equal(poll(&pfd, 1, 5000), 1); /* POLLHUP */
    assert_int_equal(mps_marks_look(fd), MPS_MARKS_REFUSED);
    assert_int_equal(connect(fd, (struct sockaddr *)&sin, len), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(mps_marks_look(fd), MPS_MARKS_REFUSED);
    close(fd);
    close(listener);
}

static int connect_with_mark(int port, unsigned mark)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons((in_port_t)port)};
    int fd = peer_socket(SOCK_CLOEXEC);

    if (mps_mark_is_join(mark))
        assert_int_equal(mps_marks_prepare_join(fd, mark, 0), 0);
    else if (mark)
        assert_int_equal(mps_marks_prepare_connect(fd, NULL), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    return fd;
}

/* The process has gone to sleep in accept() or select(): its listener is marked. */
static void wait_for_accept(pid_t pid)
{
    char path[64], line[64] = "";

    snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
    for (int i = 0; i < 5000; i++) {
        FILE *f = fopen(path, "re");
        long number = -1;

        assert_non_null(f);
        if (fgets(line, sizeof(line), f))
            number = strtol(line, NULL, 10); /* 0, read(), of a line that has no number */
        fclose(f);
#ifdef SYS_select
        if (number == SYS_select)
            return;
#endif
        if (number == SYS_accept || number == SYS_accept4 || number == SYS_pselect6)
            return;
        poll(NULL, 0, 2);
    }
    fail_msg("no accept: %s", line);
}

/* Marked connections that the agent refuses are reset, joins are closed; the next one gets in. */
static void test_accept(void **state)
{
    static const enum fake_behaviour kinds[] = {FAKE_PLAIN, FAKE_ERROR, FAKE_LOST, FAKE_GARBAGE};
    static struct mps_ho_config cfg;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char port[16] = "", byte;
        struct child child;
        const char *text;
        pid_t agent;
        int fd;

        fake_agent_config(&cfg);
        agent = fake_agent_start(&cfg, kinds[i]);
        child = start(&cfg, "server", "connect_epoll_level", NULL);
        assert_true(read(child.out, port, sizeof(port) - 1) > 0);
        wait_for_accept(child.pid);
        fd = connect_with_mark(atoi(port), MPS_MARK_CONNECT);
        assert_int_equal(read(fd, &byte, 1), -1);
        assert_int_equal(errno, ECONNRESET);
        close(fd);
        for (unsigned j = 0; j < 2; j++) {
            fd = connect_with_mark(atoi(port), j ? MPS_MARK_JOIN_LARGE : MPS_MARK_JOIN);
            assert_int_equal(read(fd, &byte, 1), 0);
            close(fd);
        }
        fd = connect_with_mark(atoi(port), 0);
        send_pattern(fd, 1, 5000);
        assert_true(receive_pattern(fd, 1, 5000));
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        assert_true(receive_all(fd, 0, 0));
        close(fd);
        text = finish(&child);
        assert_non_null(strstr(text, "#swapped 0\n"));
        assert_non_null(strstr(text, "server done\n"));
        fake_agent_stop(agent);
    }
}

static void echo_once(int port)
{
    int fd = connect_with_mark(port, 0);

    send_pattern(fd, 1, 100);
    assert_true(receive_pattern(fd, 1, 100));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_true(receive_all(fd, 0, 0));
    close(fd);
}

/*
 * A join and a marked connection that the agent refuses, then an ordinary one. Nobody comes to help
 * a server that waits where it would not wait as plain TCP: each is answered before the next.
 */
static const char *visit(const char *scenario, bool simply)
{
    static struct mps_ho_config cfg;
    char port[16] = "", byte;
    struct child child;
    const char *text;
    pid_t agent;
    int fd;

    fake_agent_config(&cfg);
    agent = fake_agent_start(&cfg, FAKE_ERROR);
    child = start(&cfg, "server", scenario, NULL);
    assert_true(read(child.out, port, sizeof(port) - 1) > 0);
    wait_for_accept(child.pid);
    fd = connect_with_mark(atoi(port), MPS_MARK_JOIN);
    assert_int_equal(read(fd, &byte, 1), 0);
    close(fd);
    fd = connect_with_mark(atoi(port), MPS_MARK_CONNECT);
    assert_int_equal(read(fd, &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
    close(fd);
    echo_once(atoi(port));
    if (simply) {
        echo_once(atoi(port));
        echo_once(atoi(port));
    }
    text = finish(&child);
    fake_agent_stop(agent);
    return text;
}

/* select() and a time limit promise that accept() returns: the program gets what it would get. */
static void test_accept_promised(void **state)
{
    static const char dead[] = "end in order\nend ECONNRESET\nend in order\nserver done\n";

    assert_non_null(strstr(visit("accept_selected", false), dead));
    assert_non_null(strstr(visit("accept_limited", false), dead));
}

/* A call that waits already sees nothing of them. */
static void test_accept_waits(void **state)
{
    assert_non_null(strstr(visit("accept_simply", true),
                           "end in order\nend in order\nend in order\nserver done\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_plain),   cmocka_unit_test(test_connect_lent),
        cmocka_unit_test(test_connect_broken),  cmocka_unit_test(test_connect_again),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_accept),
        cmocka_unit_test(test_accept_promised), cmocka_unit_test(test_accept_waits),
    };

    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
