/* SPDX-License-Identifier: MIT */
/*
 * Listeners that several processes have: servers that share one, and programs without the preload
 * that get one.
 */
#include "lib/test.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "marking.h"

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
    assert_int_equal(send(client, marking_magic, sizeof(marking_magic), 0), 8);
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

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_child),        cmocka_unit_test(test_siblings),
        cmocka_unit_test(test_late_sibling), cmocka_unit_test(test_passed),
        cmocka_unit_test(test_kept),         cmocka_unit_test(test_passed_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return marking_main(argc, argv, run);
}
