/* SPDX-License-Identifier: MIT */
/*
 * Which calls mark a listener, and what those get who accept by other means. The program runs
 * itself under the preload, with an agent that takes all listeners.
 */
#include "lib/test.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fake_agent.h"
#include "handover/counts.h"
#include "handover/marks.h"
#include "handover/message.h"

#ifndef SO_GET_FILTER
#define SO_GET_FILTER SO_ATTACH_FILTER
#endif

static struct mps_counts *counts;

/*
 * As core/wire/opening.c has it: this program is built without the sanitizers that the core may
 * have.
 */
static const uint8_t magic[8] = {0xf5, 'M', 'P', 'S', '\r', '\n', 0x00, 0xe1};

/* Not listening yet. */
static int bound_new(void)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_return_code(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), errno);
    return fd;
}

static int listener_new(void)
{
    int fd = bound_new();

    assert_return_code(listen(fd, 5), errno);
    return fd;
}

static bool is_marked(int fd)
{
    int mss = 0;
    socklen_t len = sizeof(mss);

    assert_return_code(getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, &len), errno);
    return mss == MPS_MARK_LISTEN;
}

static bool is_filtered(int fd)
{
    socklen_t n = 0;

    assert_return_code(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &n), errno);
    return n > 0;
}

static int dial(int listener)
{
    struct sockaddr_in sin;
    socklen_t len = sizeof(sin);
    int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_return_code(getsockname(listener, (struct sockaddr *)&sin, &len), errno);
    assert_return_code(syscall(SYS_connect, fd, &sin, len), errno);
    return fd;
}

enum waiting { BY_POLL, BY_PPOLL, BY_SELECT, BY_PSELECT, BY_EPOLL, WAYS };

static void wait_by(enum waiting way, int fd)
{
    const struct timespec now = {0};
    struct timeval also_now = {0};
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    struct epoll_event event = {.events = EPOLLIN};
    fd_set set;
    int ep;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    switch (way) {
    case BY_POLL:
        assert_int_equal(poll(&pfd, 1, 0), 0);
        break;
    case BY_PPOLL:
        assert_int_equal(ppoll(&pfd, 1, &now, NULL), 0);
        break;
    case BY_SELECT:
        assert_int_equal(select(fd + 1, &set, NULL, NULL, &also_now), 0);
        break;
    case BY_PSELECT:
        assert_int_equal(pselect(fd + 1, &set, NULL, NULL, &now, NULL), 0);
        break;
    default:
        ep = epoll_create1(EPOLL_CLOEXEC);
        assert_return_code(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), errno);
        close(ep);
        break;
    }
}

/* listen() alone says nothing; who waits will accept, and who accepts does. */
static void test_calls(void **state)
{
    for (int way = 0; way < WAYS; way++) {
        int fd = listener_new();

        assert_false(is_marked(fd));
        wait_by((enum waiting)way, fd);
        assert_true(is_marked(fd));
        assert_true(is_filtered(fd));
        assert_int_equal(accept(fd, NULL, NULL), -1);
        assert_int_equal(errno, EAGAIN);
        assert_true(is_marked(fd));
        assert_false(is_filtered(fd));
        close(fd);
    }
}

/* asyncore registers a socket when it is made; from listen() on it waits. */
static void test_registered_before(void **state)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC), fd = bound_new();

    assert_return_code(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), errno);
    assert_return_code(listen(fd, 5), errno);
    assert_true(is_marked(fd));
    assert_true(is_filtered(fd));
    close(fd);
    close(epoll);
}

static void test_accept_alone(void **state)
{
    int fd = listener_new();

    assert_int_equal(accept4(fd, NULL, NULL, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_true(is_marked(fd));
    assert_false(is_filtered(fd));
    close(fd);
}

/* System calls of the program's own leave the listener as it is. */
static void test_other_means(void **state)
{
    int fd = listener_new(), client = dial(fd), conn;

    conn = (int)syscall(SYS_accept4, fd, NULL, NULL, 0);
    assert_true(conn >= 0);
    assert_false(is_marked(fd));
    assert_false(is_filtered(conn));
    close(conn);
    close(client);
    close(fd);
}

static struct tcp_info info_of(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    assert_return_code(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), errno);
    return info;
}

/* Waited for here, accepted elsewhere: the magic does not get through, and all else does. */
static void test_doubt(void **state)
{
    char text[16];
    int fd = listener_new(), client, other, conn;

    wait_by(BY_POLL, fd);
    client = dial(fd);
    other = dial(fd);
    assert_int_equal(send(client, magic, sizeof(magic), 0), 8);
    assert_int_equal(send(other, "hello", 5, 0), 5);
    for (int i = 0; i < 5000 && info_of(client).tcpi_total_retrans == 0; i++)
        poll(NULL, 0, 1);
    assert_int_equal(info_of(client).tcpi_unacked, 1);
    conn = (int)syscall(SYS_accept4, fd, NULL, NULL, 0);
    assert_true(conn >= 0);
    assert_int_equal(recv(conn, text, sizeof(text), MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    close(conn);
    conn = (int)syscall(SYS_accept4, fd, NULL, NULL, 0);
    assert_int_equal(recv(conn, text, sizeof(text), 0), 5);
    close(conn);
    close(client);
    close(other);
    close(fd);
}

/*
 * TCP does not confirm the padding behind HELLO either, which would say that HELLO alone is lost.
 */
static void test_doubt_padding(void **state)
{
    /* As test_padding of the core has it. */
    static const uint8_t padding[24] = {0x80, 0, 0, 16, 0x37, 0x0b, 0x45, 0x3d};
    static const uint8_t alike[24] = {0x80, 0, 0, 16}, start[4] = {0x80, 0, 0, 16};
    int fd = listener_new(), one, two, three;

    wait_by(BY_POLL, fd);
    one = dial(fd);
    two = dial(fd);
    three = dial(fd);
    assert_int_equal(send(one, padding, sizeof(padding), 0), sizeof(padding));
    assert_int_equal(send(two, alike, sizeof(alike), 0), sizeof(alike));
    assert_int_equal(send(three, start, sizeof(start), 0), sizeof(start));
    for (int i = 0; i < 5000 && info_of(one).tcpi_total_retrans == 0; i++)
        poll(NULL, 0, 1);
    assert_int_equal(info_of(one).tcpi_unacked, 1);
    assert_int_equal(info_of(two).tcpi_unacked, 0);
    assert_int_equal(info_of(three).tcpi_unacked, 0);
    close(one);
    close(two);
    close(three);
    close(fd);
}

/* Accepted here after all: it comes again. */
static void test_doubt_ends(void **state)
{
    char text[16];
    int fd = listener_new(), client, conn;

    wait_by(BY_POLL, fd);
    client = dial(fd);
    assert_int_equal(send(client, magic, sizeof(magic), 0), 8);
    conn = accept(fd, NULL, NULL);
    assert_true(conn >= 0);
    assert_false(is_filtered(conn));
    assert_int_equal(recv(conn, text, sizeof(text), 0), 8);
    assert_memory_equal(text, magic, 8);
    close(conn);
    close(client);
    close(fd);
}

static int wait_in(int ep, struct pollfd *pfd, int call)
{
    const struct timespec limit = {.tv_sec = 5};
    struct timeval also = {.tv_sec = 5};
    struct epoll_event event;
    fd_set set;

    FD_ZERO(&set);
    FD_SET(pfd->fd, &set);
    switch (call) {
    case 0:
        return poll(pfd, 1, 5000);
    case 1:
        return ppoll(pfd, 1, &limit, NULL);
    case 2:
        return select(pfd->fd + 1, &set, NULL, NULL, &also);
    case 3:
        return pselect(pfd->fd + 1, &set, NULL, NULL, &limit, NULL);
    case 4:
        return epoll_wait(ep, &event, 1, 5000);
    default:
        return epoll_pwait(ep, &event, 1, 5000, NULL);
    }
}

/* A call that waits, and does not find anything. */
static void glance(int ep, int fd, int call)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    struct epoll_event event;

    assert_int_equal(call < 4 ? poll(&pfd, 1, 0) : epoll_wait(ep, &event, 1, 0), 0);
}

static uint32_t elsewhere(void)
{
    return atomic_load(&counts->n[MPS_COUNTS_SERVER][MPS_PLAIN_ELSEWHERE]);
}

/* Waited for here, accepted elsewhere: noticed at the next wait, and for good. */
static void test_elsewhere(void **state)
{
    for (int call = 0; call < 6; call++) {
        int fd = listener_new(), ep = epoll_create1(EPOLL_CLOEXEC), client, conn;
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = 7};
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        const uint32_t before = elsewhere();

        assert_return_code(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), errno);
        assert_true(is_marked(fd));
        client = dial(fd);
        assert_int_equal(wait_in(ep, &pfd, call), 1);
        assert_int_equal(wait_in(ep, &pfd, call), 1);
        assert_true(is_marked(fd)); /* it is still there */
        conn = (int)syscall(SYS_accept4, fd, NULL, NULL, 0);
        assert_true(conn >= 0);
        glance(ep, fd, call);
        assert_false(is_marked(fd));
        assert_false(is_filtered(fd));
        assert_int_equal(elsewhere(), before + 1);
        assert_int_equal(accept(fd, NULL, NULL), -1);
        wait_by(BY_POLL, fd);
        assert_false(is_marked(fd));
        close(conn);
        close(client);
        close(ep);
        close(fd);
    }
}

/* Accepted by a child that has the preload: no sign of anybody else. */
static void test_child(void **state)
{
    int fd = listener_new(), client, other, conn, status = 1;
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    const uint32_t before = elsewhere();
    pid_t child;

    wait_by(BY_POLL, fd);
    client = dial(fd);
    assert_int_equal(poll(&pfd, 1, 5000), 1);
    child = fork();
    if (child == 0) {
        conn = accept(fd, NULL, NULL);
        _exit(conn >= 0 && !is_filtered(conn) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(poll(&pfd, 1, 0), 0);
    assert_true(is_marked(fd));
    assert_false(is_filtered(fd));
    assert_int_equal(elsewhere(), before);
    other = dial(fd);
    conn = accept(fd, NULL, NULL);
    assert_true(conn >= 0);
    assert_false(is_filtered(conn));
    close(conn);
    close(other);
    close(client);
    close(fd);
}

/* Servers that share a listener, each of which waits for it: none is in another one's way. */
static void test_siblings(void **state)
{
    for (int waits = 0; waits < 2; waits++) {
        int fd = listener_new(), client, conn, status = 1;
        pid_t child = fork();

        if (child == 0) { /* in doubt, and ends so */
            wait_by(BY_POLL, fd);
            _exit(is_filtered(fd) ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        if (waits)
            wait_by(BY_POLL, fd);
        client = dial(fd);
        conn = accept(fd, NULL, NULL); /* it has come with the filter */
        assert_true(conn >= 0);
        assert_true(is_marked(fd));
        assert_false(is_filtered(conn));
        assert_false(is_filtered(fd));
        close(conn);
        close(client);
        close(fd);
    }
}

/* One that starts later does not put the filter back which others do not expect any more. */
static void test_late_sibling(void **state)
{
    int fd = listener_new(), go[2], status = 1;
    pid_t child;
    char c;

    assert_return_code(pipe2(go, O_CLOEXEC), errno);
    child = fork();
    if (child == 0) {
        close(go[1]);
        (void)read(go[0], &c, 1);
        wait_by(BY_POLL, fd);
        _exit(is_marked(fd) && !is_filtered(fd) ? 0 : 1);
    }
    assert_int_equal(accept(fd, NULL, NULL), -1);
    close(go[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(go[0]);
    close(fd);
}

enum program { EXECVE, EXECV, EXECVP, EXECVPE, EXECVEAT, FEXECVE, EXECL, EXECLP, EXECLE, PROGRAMS };

/* As many arguments as they are the status, and without our environment. */
#define SCRIPT "test -z \"$LD_PRELOAD\" && exit $#"

static char *const script[] = {(char *)"sh", (char *)"-c", (char *)SCRIPT, (char *)"0",
                               (char *)"1",  (char *)"2",  (char *)"3",    NULL};
static char *const plain_env[] = {(char *)"PATH=/usr/bin:/bin", NULL};

static void become(enum program program)
{
    environ = (char **)plain_env;
    switch (program) {
    case EXECVE:
        (void)execve("/bin/sh", script, plain_env);
        break;
    case EXECV:
        (void)execv("/bin/sh", script);
        break;
    case EXECVP:
        (void)execvp("sh", script);
        break;
    case EXECVPE:
        (void)execvpe("sh", script, plain_env);
        break;
    case EXECVEAT:
        (void)execveat(AT_FDCWD, "/bin/sh", script, plain_env, 0);
        break;
    case FEXECVE:
        (void)fexecve(open("/bin/sh", O_RDONLY | O_CLOEXEC), script, plain_env);
        break;
    case EXECL:
        (void)execl("/bin/sh", "sh", "-c", SCRIPT, "0", "1", "2", "3", (char *)NULL);
        break;
    case EXECLP:
        (void)execlp("sh", "sh", "-c", SCRIPT, "0", "1", "2", "3", (char *)NULL);
        break;
    default:
        (void)execle("/bin/sh", "sh", "-c", SCRIPT, "0", "1", "2", "3", (char *)NULL, plain_env);
        break;
    }
    _exit(127);
}

static void expect_three(pid_t child)
{
    int status = 0;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
}

/* One that is accepted from here, and inherited. */
static int proven_new(void)
{
    int fd = listener_new();

    assert_int_equal(accept(fd, NULL, NULL), -1);
    assert_return_code(fcntl(fd, F_SETFD, 0), errno);
    assert_true(is_marked(fd));
    assert_false(is_filtered(fd));
    return fd;
}

/* Marked and in doubt, until accept() is called here, in this process or another. */
static void expect_doubt_ends(int fd)
{
    char text[16];
    int client, conn;

    assert_true(is_marked(fd));
    assert_true(is_filtered(fd));
    client = dial(fd);
    assert_int_equal(send(client, magic, sizeof(magic), 0), 8);
    conn = accept(fd, NULL, NULL);
    assert_true(conn >= 0);
    assert_true(is_marked(fd));
    assert_false(is_filtered(fd));
    assert_false(is_filtered(conn));
    assert_int_equal(recv(conn, text, sizeof(text), 0), 8);
    close(conn);
    close(client);
}

/* A program without the preload is started with the listener. */
static void test_passed(void **state)
{
    int fd = proven_new();
    pid_t child;

    for (int program = 0; program < PROGRAMS; program++) {
        child = fork();
        if (child == 0)
            become((enum program)program);
        expect_three(child);
        expect_doubt_ends(fd);
    }
    child = fork();
    if (child == 0)
        become(EXECVE);
    expect_three(child);
    assert_true(is_filtered(fd));
    assert_int_equal(accept(fd, NULL, NULL), -1); /* before the first connection */
    assert_false(is_filtered(fd));
    assert_int_equal(posix_spawn(&child, "/bin/sh", NULL, NULL, script, plain_env), 0);
    expect_three(child);
    expect_doubt_ends(fd);
    assert_int_equal(posix_spawnp(&child, "sh", NULL, NULL, script, plain_env), 0);
    expect_three(child);
    expect_doubt_ends(fd);
    close(fd);
}

/* Not with the preload, nor without the listener. */
static void test_kept(void **state)
{
    char *const argv[] = {(char *)"sh", (char *)"-c", (char *)"exit $#", (char *)"0",
                          (char *)"1",  (char *)"2",  (char *)"3",       NULL};
    int fd = proven_new();
    pid_t child;

    assert_int_equal(posix_spawn(&child, "/bin/sh", NULL, NULL, argv, environ), 0);
    expect_three(child);
    assert_false(is_filtered(fd));
    assert_return_code(fcntl(fd, F_SETFD, FD_CLOEXEC), errno);
    assert_int_equal(posix_spawn(&child, "/bin/sh", NULL, NULL, script, plain_env), 0);
    expect_three(child);
    assert_false(is_filtered(fd));
    close(fd);
}

/* And that program accepts first: noticed, although the process that started it has ended. */
static void test_passed_elsewhere(void **state)
{
    int fd = proven_new(), client, conn;
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    const uint32_t before = elsewhere();
    pid_t child = fork();

    if (child == 0)
        become(EXECVE);
    expect_three(child);
    assert_int_equal(poll(&pfd, 1, 0), 0);
    client = dial(fd);
    assert_int_equal(poll(&pfd, 1, 5000), 1);
    conn = (int)syscall(SYS_accept4, fd, NULL, NULL, 0);
    assert_true(conn >= 0);
    assert_true(is_filtered(conn));
    assert_int_equal(poll(&pfd, 1, 0), 0);
    assert_false(is_marked(fd));
    assert_int_equal(elsewhere(), before + 1);
    close(conn);
    close(client);
    close(fd);
}

/* A duplicate is made to be passed on: only accept() marks it, under either number. */
static void test_duplicated(void **state)
{
    int fd = listener_new(), copy;

    wait_by(BY_EPOLL, fd);
    assert_true(is_marked(fd));
    copy = dup(fd);
    assert_false(is_marked(fd));
    assert_false(is_filtered(fd));
    wait_by(BY_EPOLL, copy);
    wait_by(BY_SELECT, fd);
    assert_false(is_marked(fd));
    assert_int_equal(accept(copy, NULL, NULL), -1);
    assert_true(is_marked(fd));
    close(copy);
    close(fd);
}

/* A filter of the program's own stays, and the listener is left alone. */
static void test_own_filter(void **state)
{
    struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
    struct sock_fprog prog = {.len = 1, .filter = &all};
    int fd = listener_new();

    assert_return_code(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), errno);
    wait_by(BY_POLL, fd);
    assert_false(is_marked(fd));
    assert_int_equal(accept(fd, NULL, NULL), -1);
    assert_false(is_marked(fd));
    assert_true(is_filtered(fd));
    close(fd);
}

/* A listener that came by other ways than listen(): accept() finds it. */
static void test_inherited(void **state)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_return_code(syscall(SYS_bind, fd, &sin, sizeof(sin)), errno);
    assert_return_code(syscall(SYS_listen, fd, 5), errno);
    wait_by(BY_POLL, fd);
    assert_false(is_marked(fd));
    assert_int_equal(accept(fd, NULL, NULL), -1);
    assert_true(is_marked(fd));
    close(fd);
}

static int inside(const char *agent_id)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_registered_before),
        cmocka_unit_test(test_accept_alone),
        cmocka_unit_test(test_other_means),
        cmocka_unit_test(test_doubt),
        cmocka_unit_test(test_doubt_padding),
        cmocka_unit_test(test_doubt_ends),
        cmocka_unit_test(test_duplicated),
        cmocka_unit_test(test_own_filter),
        cmocka_unit_test(test_inherited),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_child),
        cmocka_unit_test(test_siblings),
        cmocka_unit_test(test_late_sibling),
        cmocka_unit_test(test_passed),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_passed_elsewhere),
    };

    counts = mps_counts_attach(getenv(MPS_ENV_COUNTS), agent_id);
    return counts ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}

int main(int argc, char **argv)
{
    static struct mps_ho_config cfg;
    char number[MPS_HO_COUNTS_MAX];
    pid_t agent, child;
    int status = 1;

    alarm(30);
    if (argc > 1)
        return inside(argv[1]);
    fake_agent_config(&cfg);
    agent = fake_agent_start(&cfg, FAKE_ERROR);
    (void)snprintf(number, sizeof(number), "%d", mps_counts_create(cfg.agent_id));
    child = fork();
    if (child == 0) {
        setenv("LD_PRELOAD", getenv("TEST_PRELOAD"), 1);
        setenv(MPS_ENV_AGENT, cfg.agent_env, 1);
        unsetenv(MPS_ENV_PROGRAM);
        setenv(MPS_ENV_COUNTS, number, 1);
        execl("/proc/self/exe", argv[0], cfg.agent_id, (char *)NULL);
        _exit(127);
    }
    (void)waitpid(child, &status, 0);
    mps_counts_remove(number);
    fake_agent_stop(agent);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
