/* SPDX-License-Identifier: MIT */
/* Bytes: order, amount, both ways at once, and the less common calls. */
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define BULK (8u << 20)

static void *send_bulk(void *arg)
{
    int fd = *(int *)arg;

    send_pattern(fd, 3, BULK);
    need(shutdown(fd, SHUT_WR) == 0);
    return NULL;
}

/* Both directions at full speed, one thread each. */
static void duplex(int fd)
{
    pthread_t thread;

    need(pthread_create(&thread, NULL, send_bulk, &fd) == 0);
    say("received %d", receive_all(fd, 3, BULK));
    need(pthread_join(thread, NULL) == 0);
    close(fd);
}

static void serve_duplex(int listener)
{
    duplex(peer_accept(listener));
}

static void client_duplex(const struct sockaddr_in *server)
{
    duplex(peer_connect(server));
}

static void serve_greeting(int listener)
{
    int fd = peer_accept(listener);

    need(write(fd, "220 hello\r\n", 11) == 11);
    echo(fd);
    close(fd);
}

/* The server speaks first. */
static void client_greeting(const struct sockaddr_in *server)
{
    char buf[16] = "";
    int fd = peer_connect(server);

    need(recv(fd, buf, 11, MSG_WAITALL) == 11);
    say("greeting %d", memcmp(buf, "220 hello\r\n", 11) == 0);
    send_pattern(fd, 1, 1000);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, 1000));
}

static void client_calls(const struct sockaddr_in *server)
{
    int fd = peer_connect(server), waiting = -1;
    char a[4] = "", b[8] = "";
    struct iovec out[2] = {{(void *)"abc", 3}, {(void *)"defgh", 5}};
    struct iovec in[2] = {{a, 3}, {b, 5}};
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    struct msghdr msg = {.msg_name = (void *)server, .msg_namelen = sizeof(*server)};
    struct sockaddr_in other = *server;

    need(writev(fd, out, 2) == 8);
    for (int i = 0; i < 5000 && waiting < 8; i++) {
        need(ioctl(fd, FIONREAD, &waiting) == 0);
        poll(NULL, 0, 1);
    }
    need(recv(fd, b, 8, MSG_PEEK) == 8);
    say("peek %.8s waiting %d", b, waiting);
    need(readv(fd, in, 2) == 8);
    say("readv %.3s %.5s", a, b);
    other.sin_port = htons(9);
    say("sendto %zd", sendto(fd, "12345", 5, 0, (struct sockaddr *)&other, sizeof(other)));
    msg.msg_iov = out;
    msg.msg_iovlen = 2;
    say("sendmsg %zd", sendmsg(fd, &msg, 0));
    peer_wait(fd, POLLIN);
    need(recvfrom(fd, b, 5, MSG_WAITALL, (struct sockaddr *)&from, &len) == 5);
    say("recvfrom %.5s length %u", b, len);
    say("discard %zd", recv(fd, NULL, 3, MSG_TRUNC | MSG_WAITALL));
    need(recv(fd, b, 5, MSG_WAITALL) == 5);
    say("rest %.5s", b);
    say("again %zd", recv(fd, b, 5, MSG_DONTWAIT));
    say("errno %s", error_name(errno));
    need(shutdown(fd, SHUT_WR) == 0);
    say("end %d", receive_all(fd, 0, 0));
}

static void client_sendfile(const struct sockaddr_in *server)
{
    int fd = peer_connect(server), file = memfd_create("data", 0), ends[2];
    size_t left = 50000;
    ssize_t n;

    send_pattern(file, 1, 50000);
    need(lseek(file, 0, SEEK_SET) == 0);
    need((n = sendfile(fd, file, NULL, 20000)) == 20000);
    left -= (size_t)n;
    need(pipe(ends) == 0);
    while (left > 0) {
        need((n = splice(file, NULL, ends[1], NULL, left, 0)) > 0);
        left -= (size_t)n;
        while (n > 0) {
            ssize_t m = splice(ends[0], NULL, fd, NULL, (size_t)n, 0);

            need(m > 0);
            n -= m;
        }
    }
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, 50000));
}

/* Many short connections one after the other. */
static void serve_many(int listener)
{
    for (int i = 0; i < 50; i++) {
        int fd = peer_accept(listener);

        echo(fd);
        close(fd);
    }
}

static void client_many(const struct sockaddr_in *server)
{
    int good = 0;

    for (int i = 0; i < 50; i++) {
        int fd = peer_connect(server);

        send_pattern(fd, (uint64_t)i, 2000);
        need(shutdown(fd, SHUT_WR) == 0);
        good += receive_all(fd, (uint64_t)i, 2000);
        close(fd);
    }
    say("good %d", good);
}

static void *block_in_read(void *arg)
{
    char c;

    (void)read(*(int *)arg, &c, 1);
    return NULL;
}

static void on_alarm(int sig)
{
    (void)sig;
}

/* Calls end by cancellation and by signals as they do in libc. */
static void client_interrupted(const struct sockaddr_in *server)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval soon = {{0, 0}, {0, 50000}};
    int fd = peer_connect(server);
    pthread_t thread;
    void *result;
    char c;

    need(pthread_create(&thread, NULL, block_in_read, &fd) == 0);
    need(pthread_cancel(thread) == 0);
    need(pthread_join(thread, &result) == 0);
    say("cancelled %d", result == PTHREAD_CANCELED);
    need(sigaction(SIGALRM, &action, NULL) == 0);
    need(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    say("read %zd", read(fd, &c, 1));
    say("errno %s", error_name(errno));
    send_pattern(fd, 1, 1000);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, 1000));
}

static void serve_interrupted(int listener)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval soon = {{0, 0}, {0, 50000}};
    int fd;

    fd = peer_accept(listener);
    need(sigaction(SIGALRM, &action, NULL) == 0);
    need(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    say("accept %d", accept(listener, NULL, NULL));
    say("errno %s", error_name(errno));
    echo(fd);
    close(fd);
}

#define THREADS    6
#define PER_THREAD 15

/* Threads that accept from one listener, and threads that connect while others fork. */
static void *accept_some(void *arg)
{
    int listener = *(int *)arg;

    for (int i = 0; i < PER_THREAD; i++) {
        int fd = peer_accept(listener);

        echo(fd);
        close(fd);
    }
    return NULL;
}

static void *connect_some(void *arg)
{
    const struct sockaddr_in *server = arg;
    intptr_t good = 0;

    for (int i = 0; i < PER_THREAD; i++) {
        int fd = peer_socket(i & 1 ? SOCK_NONBLOCK : 0);
        int rc = connect(fd, (const struct sockaddr *)server, sizeof(*server));

        need(rc == 0 || errno == EINPROGRESS);
        peer_wait(fd, POLLOUT);
        send_pattern(fd, (uint64_t)i, 3000);
        need(shutdown(fd, SHUT_WR) == 0);
        good += receive_all(fd, (uint64_t)i, 3000);
        close(fd);
    }
    return (void *)good;
}

static void run_threads(void *(*function)(void *), void *arg, void (*meanwhile)(void))
{
    pthread_t threads[THREADS];
    intptr_t total = 0;

    for (int i = 0; i < THREADS; i++)
        need(pthread_create(&threads[i], NULL, function, arg) == 0);
    if (meanwhile)
        meanwhile();
    for (int i = 0; i < THREADS; i++) {
        void *good;

        need(pthread_join(threads[i], &good) == 0);
        total += (intptr_t)good;
    }
    say("good %d", (int)total);
}

static void serve_threads(int listener)
{
    run_threads(accept_some, &listener, NULL);
}

static void fork_often(void)
{
    for (int i = 0; i < 30; i++) {
        pid_t child = fork();
        int status;

        if (child == 0)
            _exit(5);
        need(child > 0 && waitpid(-1, &status, 0) == child && WEXITSTATUS(status) == 5);
    }
}

static void client_threads(const struct sockaddr_in *server)
{
    run_threads(connect_some, (void *)server, fork_often);
}

const struct scenario scenarios_data[] = {
    {"data_interrupted", serve_interrupted, client_interrupted, true},
    {"data_threads", serve_threads, client_threads, false},
    {"data_duplex", serve_duplex, client_duplex, true},
    {"data_greeting", serve_greeting, client_greeting, true},
    {"data_calls", NULL, client_calls, true},
    {"data_sendfile", NULL, client_sendfile, true},
    {"data_many", serve_many, client_many, true},
    {NULL, NULL, NULL, false},
};
