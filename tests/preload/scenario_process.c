/* SPDX-License-Identifier: MIT */
/* Connections and processes: fork, exec, dup, wait, exit, descriptor numbers. */
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE  200000
#define LARGE 6000000 /* more than the buffers of TCP take at once */

extern char **environ;

static void client_echo(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    send_pattern(fd, 1, 10000);
    say("received %d", receive_pattern(fd, 1, 10000));
    need(shutdown(fd, SHUT_WR) == 0);
    say("end %d", receive_all(fd, 0, 0));
    close(fd);
}

/* One process per connection, as the classic servers. */
static void serve_fork(int listener)
{
    int fd = peer_accept(listener), status;
    pid_t child = fork();

    if (child == 0) {
        close(listener);
        echo(fd);
        say("child done");
        _exit(7);
    }
    close(fd);
    need(waitpid(-1, &status, 0) == child);
    say("status %d", WEXITSTATUS(status));
    say("wait %d %s", wait(&status), error_name(errno));
}

/* inetd: the connection becomes 0 and 1 of another program. */
static void serve_exec(int listener)
{
    int fd = peer_accept(listener), status;
    pid_t child = fork();

    if (child == 0) {
        dup2(fd, 0);
        dup2(fd, 1);
        execl("/bin/cat", "cat", (char *)NULL);
        _exit(127);
    }
    close(fd);
    need(waitpid(child, &status, 0) == child);
    say("status %d", WEXITSTATUS(status));
}

static void serve_spawn(int listener)
{
    int fd = peer_accept(listener), status;
    char *argv[] = {(char *)"cat", NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;

    need(posix_spawn_file_actions_init(&actions) == 0);
    need(posix_spawn_file_actions_adddup2(&actions, fd, 0) == 0);
    need(posix_spawn_file_actions_adddup2(&actions, fd, 1) == 0);
    need(posix_spawn(&child, "/bin/cat", &actions, NULL, argv, environ) == 0);
    close(fd);
    need(waitpid(child, &status, 0) == child);
    say("status %d", WEXITSTATUS(status));
}

/* All of it in place of this process. */
static void serve_exec_self(int listener)
{
    int fd = peer_accept(listener);

    dup2(fd, 0);
    dup2(fd, 1);
    closefrom(3);
    execl("/bin/cat", "cat", (char *)NULL);
}

/* The client forks while it connects; both numbers of a duplicate are usable. */
static void client_dup_pending(const struct sockaddr_in *server)
{
    int fd = peer_socket(SOCK_NONBLOCK), copy, rc;

    rc = connect(fd, (const struct sockaddr *)server, sizeof(*server));
    need(rc == 0 || errno == EINPROGRESS);
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 20);
    need(copy >= 20);
    peer_wait(copy, POLLOUT);
    send_pattern(fd, 1, 5000);
    need(receive_pattern(copy, 1, 5000));
    close(fd);
    send_pattern(copy, 2, 5000);
    say("received %d", receive_pattern(copy, 2, 5000));
    need(shutdown(copy, SHUT_WR) == 0);
}

static void client_dup_unconnected(const struct sockaddr_in *server)
{
    int fd = peer_socket(0), copy = dup(fd);

    need(connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
    send_pattern(copy, 1, 5000);
    say("received %d", receive_pattern(fd, 1, 5000));
    close(fd);
    send_pattern(copy, 2, 5000);
    say("received %d", receive_pattern(copy, 2, 5000));
    need(shutdown(copy, SHUT_WR) == 0);
}

static void client_fork_pending(const struct sockaddr_in *server)
{
    int fd = peer_socket(SOCK_NONBLOCK), rc, status;
    pid_t child;

    rc = connect(fd, (const struct sockaddr *)server, sizeof(*server));
    need(rc == 0 || errno == EINPROGRESS);
    child = fork();
    if (child == 0) {
        peer_wait(fd, POLLOUT);
        send_pattern(fd, 1, 5000);
        say("child received %d", receive_pattern(fd, 1, 5000));
        _exit(0);
    }
    need(waitpid(child, &status, 0) == child);
    send_pattern(fd, 2, 5000);
    say("received %d", receive_pattern(fd, 2, 5000));
    need(shutdown(fd, SHUT_WR) == 0);
}

/* Nobody but the program's own children is seen; SIGCHLD neither. */
static volatile sig_atomic_t child_signals;

static void count_child(int sig)
{
    (void)sig;
    child_signals++;
}

static void client_wait(const struct sockaddr_in *server)
{
    int fd, status;

    need(signal(SIGCHLD, count_child) != SIG_ERR);
    fd = peer_connect(server);
    send_pattern(fd, 1, 1000);
    need(receive_pattern(fd, 1, 1000));
    say("wait %d %s signals %d", wait(&status), error_name(errno), (int)child_signals);
    close(fd);
}

/* The next descriptor is the lowest free one, before and after. */
static void client_numbers(const struct sockaddr_in *server)
{
    int low = dup(0), fd, next;

    close(low);
    fd = peer_connect(server);
    next = dup(0);
    say("numbers %d %d", fd - low, next - low);
    close(next);
    send_pattern(fd, 1, 1000);
    need(receive_pattern(fd, 1, 1000));
    next = dup(0);
    say("numbers %d", next - low);
}

static void serve_numbers(int listener)
{
    int low = dup(0), fd;

    close(low);
    fd = peer_accept(listener);
    say("number %d", fd - low);
    low = dup(0);
    say("number %d", low - fd);
    echo(fd);
}

/* What was written arrives, whatever becomes of the writer. */
static void serve_sink(int listener)
{
    int fd = peer_accept(listener);

    say("received %d", receive_all(fd, 1, SIZE));
    close(fd);
}

static void client_exit(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    send_pattern(fd, 1, SIZE);
    say("client done");
    _exit(0);
}

static void client_killed(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    send_pattern(fd, 1, SIZE);
    say("client done");
    kill(getpid(), SIGKILL);
}

static void serve_large_sink(int listener)
{
    int fd = peer_accept(listener);

    say("received %d", receive_all(fd, 1, LARGE));
    close(fd);
}

/* Its agent is to be in the namespace, too: another one than that of the tree. */
static void other_agent(void)
{
    const char *old = getenv("MPTCPSHIM_AGENT");
    char value[256];

    if (!old)
        return;
    need(strlen(old) < sizeof(value));
    memcpy(value, old, strlen(old) + 1);
    value[0] = value[0] == '0' ? '1' : '0';
    need(setenv("MPTCPSHIM_AGENT", value, 1) == 0);
}

/* The first process of a PID namespace of its own, with which everything else in it ends. */
static void first_process(const struct sockaddr_in *server, const char *name)
{
    char port[8];
    pid_t child;
    int status;

    need(unshare(geteuid() == 0 ? CLONE_NEWPID : CLONE_NEWUSER | CLONE_NEWPID) == 0);
    child = fork();
    need(child >= 0);
    if (child == 0) {
        other_agent();
        snprintf(port, sizeof(port), "%d", ntohs(server->sin_port));
        execl("/proc/self/exe", "peer", "client", name, port, (char *)NULL);
        _exit(127);
    }
    need(waitpid(child, &status, 0) == child);
    say("first process %d", status);
}

static void client_first(const struct sockaddr_in *server)
{
    if (getpid() != 1) {
        first_process(server, "process_first");
        return;
    }
    send_pattern(peer_connect(server), 1, LARGE);
    _exit(0);
}

static void client_first_returns(const struct sockaddr_in *server)
{
    if (getpid() != 1)
        first_process(server, "process_first_returns");
    else
        send_pattern(peer_connect(server), 1, LARGE);
}

/*
 * A subreaper, whose child starts an agent: it meets the child and nobody else, and does not wait
 * for one that it never made. The tree's own agent has been started by somebody else already: this
 * process begins again as the head of another tree.
 */
static volatile sig_atomic_t child_ends;

static void count_end(int sig)
{
    child_ends++;
}

static void begin_again(const struct sockaddr_in *server, const char *name)
{
    char port[8];
    int status;
    pid_t child = fork();

    need(child >= 0);
    if (child == 0) {
        other_agent();
        need(setenv("PEER_AGAIN", "1", 1) == 0);
        snprintf(port, sizeof(port), "%d", ntohs(server->sin_port));
        execl("/proc/self/exe", "peer", "client", name, port, (char *)NULL);
        _exit(127);
    }
    need(waitpid(child, &status, 0) == child);
    say("again %d", status);
}

static pid_t child_that_connects(const struct sockaddr_in *server)
{
    pid_t child = fork();

    need(child >= 0);
    if (child == 0) {
        client_echo(server);
        _exit(3);
    }
    return child;
}

static void client_adopts(const struct sockaddr_in *server)
{
    siginfo_t info = {.si_pid = 0};
    struct rusage usage;
    int status = 0, rc;
    pid_t child;

    if (!getenv("PEER_AGAIN")) {
        begin_again(server, "process_adopts");
        return;
    }
    need(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    need(signal(SIGCHLD, count_end) != SIG_ERR);
    child = child_that_connects(server);
    need(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) == 0);
    say("seen %d", info.si_pid == child);
    do
        rc = wait4(-1, &status, 0, &usage);
    while (rc < 0 && errno == EINTR);
    say("waited %d status %d", rc == child, WEXITSTATUS(status));
    errno = 0;
    rc = wait(NULL);
    say("wait %d %s", rc, error_name(errno));
    errno = 0;
    rc = waitpid(-1, NULL, WNOHANG);
    say("waitpid %d %s", rc, error_name(errno));
    errno = 0;
    rc = waitid(P_ALL, 0, &info, WEXITED);
    say("waitid %d %s", rc, error_name(errno));
    /* Longer than an agent stays that nobody needs (idle=1). */
    poll(NULL, 0, 1800);
    say("ends %d", (int)child_ends);
    errno = 0;
    rc = wait3(NULL, WNOHANG, NULL);
    say("wait3 %d %s", rc, error_name(errno));
}

const struct scenario scenarios_process[] = {
    {"process_fork", serve_fork, client_echo, true},
    {"process_exec", serve_exec, client_echo, true},
    {"process_spawn", serve_spawn, client_echo, true},
    {"process_exec_self", serve_exec_self, client_echo, true},
    {"process_dup_pending", NULL, client_dup_pending, false},
    {"process_dup_unconnected", NULL, client_dup_unconnected, false},
    {"process_fork_pending", NULL, client_fork_pending, false},
    {"process_wait", NULL, client_wait, true},
    {"process_numbers", serve_numbers, client_numbers, true},
    {"process_exit", serve_sink, client_exit, true},
    {"process_killed", serve_sink, client_killed, true},
    {"process_first", serve_large_sink, client_first, true},
    {"process_first_returns", serve_large_sink, client_first_returns, true},
    {"process_adopts", NULL, client_adopts, true},
    {NULL, NULL, NULL, false},
};
