/* SPDX-License-Identifier: MIT */
/*
 * usage: test_noprocess AGENT: a program that must not start a process has multipath connections by
 * an agent that runs already. Here the kernel ends it if it tries.
 */
#include "../lib/test.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "mptcpshim/mptcpshim.h"

static const char *agent_program;

#define ENDS_IF(nr)                                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),                                                 \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

static bool forbid_processes(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_fork
        ENDS_IF(SYS_fork),
        ENDS_IF(SYS_vfork),
#endif
        ENDS_IF(SYS_clone),
        ENDS_IF(SYS_clone3),
        ENDS_IF(SYS_execve),
        ENDS_IF(SYS_execveat),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(rules) / sizeof(rules[0]), .filter = rules};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Both ends. 1: multipath, 0: plain TCP, -1: it did not work. */
static int use(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    struct mptcpshim_options opts;
    int listener, client, server, r;
    char byte = 0;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    mptcpshim_options_init(&opts, sizeof(opts));
    listener = mptcpshim_listen((struct sockaddr *)&at, sizeof(at), 4, 0, &opts);
    if (listener < 0 || mptcpshim_getsockname(listener, (struct sockaddr *)&at, &len) < 0)
        return -1;
    client = mptcpshim_connect((struct sockaddr *)&at, sizeof(at), 0, &opts);
    server = mptcpshim_accept(listener, NULL, NULL, 0, &opts);
    if (client < 0 || server < 0 || write(client, "x", 1) != 1 || read(server, &byte, 1) != 1 ||
        byte != 'x')
        return -1;
    r = mptcpshim_is_multipath(client) == 1 && mptcpshim_is_multipath(server) == 1;
    close(client);
    close(server);
    close(listener);
    return r;
}

/* What use() returns in a process that may not start another one; 99: it was ended. */
static int use_without_processes(void)
{
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(forbid_processes() ? use() + 10 : 2);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) - 10 : 99;
}

static void invent_agent(void)
{
    unsigned char bytes[24];
    char text[80];
    size_t used = 0;

    assert_int_equal(getrandom(bytes, sizeof(bytes), 0), sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        used += (size_t)sprintf(text + used, "%02x", bytes[i]);
        if (i == 7)
            text[used++] = ':';
    }
    sprintf(text + used, ":%u", (unsigned)geteuid());
    assert_int_equal(setenv("MPTCPSHIM_AGENT", text, 1), 0);
    assert_int_equal(setenv("MPTCPSHIM_OPTIONS", "local=127.0.0.1 idle=60", 1), 0);
}

static pid_t start_agent(void)
{
    char number[16], byte;
    int ready[2];
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        snprintf(number, sizeof(number), "%d", ready[1]);
        close(ready[0]);
        execl(agent_program, agent_program, "--ready-fd", number, (char *)NULL);
        _exit(127);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static void test_agent_is_there(void **state)
{
    int status;
    pid_t agent;

    invent_agent();
    agent = start_agent();
    assert_int_equal(setenv("MPTCPSHIM_AGENT_PATH", "none", 1), 0);
    assert_int_equal(use_without_processes(), 1);
    kill(agent, SIGTERM);
    assert_int_equal(waitpid(agent, &status, 0), agent);
}

/* "none" is not tried: everything is plain TCP. */
static void test_agent_is_not_there(void **state)
{
    invent_agent();
    assert_int_equal(setenv("MPTCPSHIM_AGENT_PATH", "none", 1), 0);
    assert_int_equal(use_without_processes(), 0);
}

/* The filter does what it is for. */
static void test_agent_is_started(void **state)
{
    invent_agent();
    assert_int_equal(setenv("MPTCPSHIM_AGENT_PATH", agent_program, 1), 0);
    assert_int_equal(use_without_processes(), 99);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agent_is_there),
        cmocka_unit_test(test_agent_is_not_there),
        cmocka_unit_test(test_agent_is_started),
    };

    agent_program = argc > 1 ? realpath(argv[1], NULL) : NULL;
    if (agent_program == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
