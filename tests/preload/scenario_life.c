/* SPDX-License-Identifier: MIT */
/* What becomes of a process: a daemon, another root, another user, confined, without its agent. */
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 200000

static void client_echo(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    send_pattern(fd, 1, SIZE);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, SIZE));
    close(fd);
}

static void client_two(const struct sockaddr_in *server)
{
    client_echo(server);
    client_echo(server);
}

static void serve_one(int listener)
{
    int fd = peer_accept(listener);

    echo(fd);
    close(fd);
}

/*
 * A connection that waited before accept() was called, and could not be handed over, is given to
 * the program although it was reset: the call must not wait for another one (LIFECYCLE.md). As any
 * server does, this one goes on with the next.
 */
static void serve_living(int listener)
{
    char byte;
    int fd = peer_accept(listener);

    while (recv(fd, &byte, 1, MSG_PEEK) < 0) {
        need(errno == ECONNRESET);
        close(fd);
        fd = peer_accept(listener);
    }
    echo(fd);
    close(fd);
}

static void serve_two(int listener)
{
    serve_one(listener);
    serve_one(listener);
}

/* daemon(3), then all descriptors but the listener and the transcript are closed. */
static void serve_daemon(int listener)
{
    need(daemon(1, 1) == 0);
    need(dup2(listener, 3) == 3);
    need(close_range(4, ~0u, 0) == 0);
    need(close(0) == 0 && close(1) == 0);
    serve_one(3);
}

/* Data that a daemon left behind when it closed everything and ended still arrives. */
static void client_daemon(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    send_pattern(fd, 1, 3000);
    need(daemon(1, 1) == 0);
    need(receive_pattern(fd, 1, 3000));
    send_pattern(fd, 2, 3000);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 2, 3000));
    closefrom(3);
}

/* Another root directory between listen() and accept(), and after connect(). Needs privileges. */
static void change_root(void)
{
    char dir[] = "/tmp/peer.XXXXXX";

    need(mkdtemp(dir) != NULL);
    say("chroot %d", geteuid() != 0 || (chroot(dir) == 0 && chdir("/") == 0));
    if (geteuid() != 0)
        (void)rmdir(dir);
}

static void serve_chroot(int listener)
{
    change_root();
    serve_two(listener);
}

static void client_chroot(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);
    char dir[] = "/tmp/peer.XXXXXX";
    pid_t child;

    need(mkdtemp(dir) != NULL);
    child = fork();
    need(child >= 0);
    if (child == 0) {
        say("chroot %d", geteuid() != 0 || (chroot(dir) == 0 && chdir("/") == 0));
        send_pattern(fd, 1, SIZE);
        need(shutdown(fd, SHUT_WR) == 0);
        say("received %d", receive_all(fd, 1, SIZE));
        client_echo(server);
        _exit(0);
    }
    need(waitpid(child, NULL, 0) == child);
    need(rmdir(dir) == 0);
}

/* Privileges are dropped with a connection open and before another. */
static void serve_setuid(int listener)
{
    int fd = peer_accept(listener);

    say("setuid %d", geteuid() != 0 || setuid(65534) == 0);
    echo(fd);
    close(fd);
    serve_one(listener);
}

static void client_setuid(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    say("setuid %d", geteuid() != 0 || setuid(65534) == 0);
    send_pattern(fd, 1, SIZE);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, SIZE));
    client_echo(server);
}

/* No new sockets and no messages with descriptors: EPERM. */
static void confine(void)
{
    static const int refused[] = {SYS_socket, SYS_socketpair, SYS_sendmsg, SYS_recvmsg,
                                  SYS_execve, SYS_fork,       SYS_clone};
    struct sock_filter filter[16] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    struct sock_fprog program = {.filter = filter};
    size_t n = 1, count = sizeof(refused) / sizeof(refused[0]);

    for (size_t i = 0; i < count; i++)
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)refused[i],
                                                   (unsigned char)(count - i), 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    program.len = (unsigned short)n;
    need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/* What a confined server accepts cannot be handed over: the client comes back plain. */
static void serve_confined(int listener)
{
    confine();
    serve_living(listener);
    serve_living(listener);
}

/* An open connection works on; a later one is plain. */
static void client_confined(const struct sockaddr_in *server)
{
    int fd = peer_connect(server), spare = peer_socket(0);

    confine();
    send_pattern(fd, 1, SIZE);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, SIZE));
    need(connect(spare, (const struct sockaddr *)server, sizeof(*server)) == 0);
    send_pattern(spare, 1, SIZE);
    need(shutdown(spare, SHUT_WR) == 0);
    say("received %d", receive_all(spare, 1, SIZE));
}

/* Strict mode: read, write and exit are left; anything else kills. */
static void serve_strict(int listener)
{
    int fd = peer_accept(listener), status;
    pid_t child = fork();

    need(child >= 0);
    if (child == 0) {
        static char buf[4096];
        ssize_t n;

        need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0);
        while ((n = read(fd, buf, sizeof(buf))) > 0)
            for (ssize_t at = 0, m; at < n; at += m)
                if ((m = write(fd, buf + at, (size_t)(n - at))) <= 0)
                    syscall(SYS_exit, 1);
        syscall(SYS_exit, n < 0);
    }
    close(fd);
    need(waitpid(child, &status, 0) == child);
    say("status %x", (unsigned)status);
}

static pid_t agent_of(int fd)
{
    struct sockaddr_storage ss = {.ss_family = AF_UNSPEC};
    struct ucred cred = {0};
    socklen_t len = sizeof(ss), cred_len = sizeof(cred);

    need(syscall(SYS_getsockname, fd, &ss, &len) == 0);
    if (ss.ss_family != AF_UNIX)
        return 0;
    need(syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) == 0);
    return cred.pid;
}

static void serve_agent(int listener)
{
    char c;

    for (int i = 0; i < 3; i++) {
        int fd = accept(listener, NULL, NULL);

        need(fd >= 0);
        while (read(fd, &c, 1) == 1 && write(fd, &c, 1) == 1)
            ;
        close(fd);
    }
}

/* The agent is killed: its connection is reset; the next ones work, and bring it back. */
static void client_agent(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);
    pid_t agent = agent_of(fd);
    char c = 'x';

    need(write(fd, &c, 1) == 1 && read(fd, &c, 1) == 1);
    if (agent > 0) {
        need(kill(agent, SIGKILL) == 0);
        peer_wait(fd, POLLIN);
        need(read(fd, &c, 1) <= 0);
    }
    close(fd);
    for (int i = 0; i < 2; i++) {
        fd = peer_socket(0);
        need(connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
        need(write(fd, "y", 1) == 1 && read(fd, &c, 1) == 1);
        say("again %c", c);
        need(agent == 0 || agent_of(fd) != agent);
        if (i == 1)
            tell_swapped(fd);
        close(fd);
    }
}

const struct scenario scenarios_life[] = {
    {"life_daemon_server", serve_daemon, client_echo, true},
    {"life_daemon_client", NULL, client_daemon, true},
    {"life_chroot_server", serve_chroot, client_two, true},
    {"life_chroot_client", serve_chroot, client_chroot, true},
    {"life_setuid_server", serve_setuid, client_two, true},
    {"life_setuid_client", serve_setuid, client_setuid, true},
    {"life_confined_server", serve_confined, client_two, false},
    {"life_confined_client", serve_two, client_confined, false},
    {"life_strict", serve_strict, client_echo, true},
    {"life_agent_killed", serve_agent, client_agent, false},
    {NULL, NULL, NULL, false},
};
