/* SPDX-License-Identifier: MIT */
/* Copies of a connection's descriptor, passing it on, closing it, and what libc builds on it. */
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <linux/sockios.h>
#include <unistd.h>

extern char **environ;

/* Each copy is the connection; the last close ends it. */
static void client_copies(const struct sockaddr_in *server)
{
    int fd = peer_connect(server), copies[4], last;

    copies[0] = dup(fd);
    copies[1] = dup3(fd, 30, O_CLOEXEC);
    copies[2] = fcntl(fd, F_DUPFD, 40);
    copies[3] = fcntl(fd, F_DUPFD_CLOEXEC, 50);
    say("numbers %d %d %d", copies[1], copies[2], copies[3]);
    for (int i = 0; i < 4; i++) {
        need(copies[i] >= 0);
        tell_swapped(copies[i]);
        say("flags %d", fcntl(copies[i], F_GETFD));
        send_pattern(copies[i], (uint64_t)i, 1000);
        need(receive_pattern(fd, (uint64_t)i, 1000));
    }
    need(dup2(copies[0], 60) == 60);
    close(fd);
    for (int i = 0; i < 4; i++)
        close(copies[i]);
    last = 60;
    send_pattern(last, 9, 1000);
    say("last %d", receive_pattern(last, 9, 1000));
}

/* Number 0 to 2 replaced, as shells and inetd do; the connection's old number is used again. */
static void client_replaced(const struct sockaddr_in *server)
{
    int fd = peer_connect(server), file;

    need(dup2(fd, 0) == 0);
    close(fd);
    file = open("/dev/null", O_RDWR);
    need(file == fd);
    need(write(file, "x", 1) == 1);
    send_pattern(0, 1, 1000);
    say("received %d", receive_pattern(0, 1, 1000));
    need(dup2(file, 0) == 0); /* ends the connection */
}

static int int_ioctl(int fd, unsigned long request)
{
    int value = -1;

    need(ioctl(fd, request, &value) == 0);
    return value;
}

static void until(int fd, unsigned long request, int value)
{
    for (int i = 0; i < 10000 && int_ioctl(fd, request) != value; i++)
        poll(NULL, 0, 1);
}

static void client_ioctl(const struct sockaddr_in *server)
{
    int fd = peer_connect(server), on = 1;
    char c;

    say("waiting %d", int_ioctl(fd, FIONREAD));
    send_pattern(fd, 1, 3000);
    until(fd, FIONREAD, 3000);
    say("waiting %d", int_ioctl(fd, FIONREAD));
    until(fd, SIOCOUTQ, 0);
    say("unsent %d", int_ioctl(fd, SIOCOUTQ));
    need(receive_pattern(fd, 1, 3000));
    need(ioctl(fd, FIONBIO, &on) == 0);
    say("flags %x", fcntl(fd, F_GETFL) & O_NONBLOCK);
    say("read %zd", read(fd, &c, 1));
    say("errno %s", error_name(errno));
    say("mark %d", ioctl(fd, SIOCATMARK, &on));
}

/* The peer sees the end whatever call closed the descriptor. */
static void serve_three_ends(int listener)
{
    for (int i = 0; i < 3; i++) {
        int fd = peer_accept(listener);

        say("received %d", receive_all(fd, (uint64_t)i, 1000));
        close(fd);
    }
}

static void client_closed_by(const struct sockaddr_in *server)
{
    for (int i = 0; i < 3; i++) {
        int fd = peer_connect(server);
        FILE *file;

        send_pattern(fd, (uint64_t)i, 1000);
        switch (i) {
        case 0:
            need(close_range((unsigned)fd, (unsigned)fd, 0) == 0);
            break;
        case 1:
            need(dup2(fd, 70) == 70);
            close(fd);
            closefrom(70);
            break;
        default:
            file = fdopen(fd, "r+");
            need(file && fclose(file) == 0);
        }
    }
}

static void client_stdio(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);
    FILE *file = fdopen(fd, "r+");
    char line[32] = "";

    need(file != NULL);
    say("put %d", fprintf(file, "line %d\n", 1));
    need(fflush(file) == 0);
    say("got %d %s", fgets(line, sizeof(line), file) != NULL, line);
    say("dprintf %d", dprintf(fd, "line %d\n", 2));
    say("got %d %s", fgets(line, sizeof(line), file) != NULL, line);
    fclose(file);
}

/* To a child with the preload, or, without LD_PRELOAD in its environment, to one that has none. */
static void serve_passed(int listener, bool shimmed)
{
    int pair[2], status, fd;
    char *argv[] = {(char *)"peer", (char *)"receiver", NULL};
    pid_t child;

    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    child = fork();
    need(child >= 0);
    if (child == 0) {
        if (!shimmed)
            unsetenv("LD_PRELOAD");
        need(dup2(pair[1], 3) == 3 && fcntl(3, F_SETFD, 0) == 0);
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    fd = peer_accept(listener);
    peer_pass(pair[0], fd);
    close(fd);
    need(waitpid(child, &status, 0) == child);
    say("status %d", WEXITSTATUS(status));
}

static void serve_passed_shimmed(int listener)
{
    serve_passed(listener, true);
}

static void serve_passed_plain(int listener)
{
    serve_passed(listener, false);
}

static void client_echo(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    send_pattern(fd, 1, 200000);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, 200000));
}

/* A descriptor that is passed on while its connect() is under way. */
static void client_passed_pending(const struct sockaddr_in *server)
{
    int fd = peer_socket(SOCK_NONBLOCK), pair[2], copy;
    int rc = connect(fd, (const struct sockaddr *)server, sizeof(*server));

    need(rc == 0 || errno == EINPROGRESS);
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    peer_pass(pair[0], fd);
    copy = peer_take(pair[1]);
    peer_wait(copy, POLLOUT);
    send_pattern(copy, 1, 3000);
    need(receive_pattern(fd, 1, 3000));
    close(fd);
    send_pattern(copy, 2, 3000);
    say("received %d", receive_pattern(copy, 2, 3000));
    need(shutdown(copy, SHUT_WR) == 0);
}

/* exec of a statically linked program: no preload in it, the connection is its input and output. */
static void serve_static(int listener)
{
    int fd = peer_accept(listener);

    need(dup2(fd, 0) == 0 && dup2(fd, 1) == 1);
    closefrom(3);
    execl(getenv("TEST_STATIC_CAT"), "static-cat", (char *)NULL);
    _exit(127);
}

/* vfork: the child runs in the parent's memory until exec. */
static void serve_vfork(int listener)
{
    int fd = peer_accept(listener), status;
    pid_t child = vfork();

    if (child == 0) {
        dup2(fd, 0);
        dup2(fd, 1);
        execl("/bin/cat", "cat", (char *)NULL);
        _exit(127);
    }
    close(fd);
    need(waitpid(child, &status, 0) == child);
    say("status %d", WEXITSTATUS(status));
    fd = peer_accept(listener);
    echo(fd);
    close(fd);
}

static void client_two(const struct sockaddr_in *server)
{
    client_echo(server);
    client_echo(server);
}

const struct scenario scenarios_descriptor[] = {
    {"descriptor_copies", NULL, client_copies, true},
    {"descriptor_replaced", NULL, client_replaced, true},
    {"descriptor_ioctl", NULL, client_ioctl, true},
    {"descriptor_closed_by", serve_three_ends, client_closed_by, true},
    {"descriptor_stdio", NULL, client_stdio, true},
    {"descriptor_passed_shimmed", serve_passed_shimmed, client_echo, true},
    {"descriptor_passed_plain", serve_passed_plain, client_echo, true},
    {"descriptor_passed_pending", NULL, client_passed_pending, false},
    {"descriptor_static", serve_static, client_echo, true},
    {"descriptor_vfork", serve_vfork, client_two, true},
    {NULL, NULL, NULL, false},
};
