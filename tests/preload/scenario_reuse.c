/* SPDX-License-Identifier: MIT */
/*
 * One thread makes a call on a socket that is about to be swapped, another closes it and opens a
 * file, which gets the number. The file stays where it is.
 */
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define TIMES 300

static void *look(void *arg)
{
    int error;
    socklen_t len = sizeof(error);

    (void)getsockopt(*(int *)arg, SOL_SOCKET, SO_ERROR, &error, &len);
    return NULL;
}

static void *take(void *arg)
{
    need(accept(*(int *)arg, NULL, NULL) >= 0);
    return NULL;
}

/* Connected, and seen by no wrapper since. */
static int connect_unseen(const struct sockaddr_in *server)
{
    int fd = peer_socket(SOCK_NONBLOCK);
    int rc = connect(fd, (const struct sockaddr *)server, sizeof(*server));
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};
    struct timespec limit = {.tv_sec = 10};

    need(rc == 0 || errno == EINPROGRESS);
    need(syscall(SYS_ppoll, &pfd, 1UL, &limit, NULL, 8UL) == 1);
    return fd;
}

struct file {
    int fd;
    ino_t ino;
};

/* Make fd a file in this way; the number is another one if somebody has taken it meanwhile. */
static struct file make_file(const char *way, int fd, FILE *stream)
{
    struct stat st;
    int file;

    if (strcmp(way, "dup2") == 0 || strcmp(way, "dup3") == 0) {
        file = memfd_create("file", MFD_CLOEXEC);
        need(file >= 0);
        file = way[3] == '2' ? dup2(file, fd) : dup3(file, fd, O_CLOEXEC);
        need(file == fd);
    } else {
        if (strcmp(way, "fclose") == 0)
            need(fclose(stream) == 0);
        else if (strcmp(way, "close_range") == 0)
            need(close_range((unsigned)fd, (unsigned)fd, 0) == 0);
        else if (strcmp(way, "closefrom") == 0)
            closefrom(fd);
        else if (strcmp(way, "unseen") == 0)
            need(syscall(SYS_close, fd) == 0);
        else
            need(close(fd) == 0);
        file = memfd_create("file", MFD_CLOEXEC);
        need(file >= 0);
    }
    need(fstat(file, &st) == 0);
    return (struct file){file, st.st_ino};
}

/* Is it that file still, and nothing else? */
static bool is_there(struct file file)
{
    struct stat st;

    need(fstat(file.fd, &st) == 0);
    return st.st_ino == file.ino && S_ISREG(st.st_mode) && write(file.fd, "secret", 6) == 6 &&
           fstat(file.fd, &st) == 0 && st.st_size == 6;
}

int scenario_reused(const char *way, int port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool accepts = strcmp(way, "accept") == 0;
    struct pollfd marked = {.events = POLLIN};
    int fd, listener = -1, signal_number;
    socklen_t len = sizeof(sin);
    FILE *stream = NULL;
    pthread_t thread;
    struct file file;
    sigset_t go;

    need(sigemptyset(&go) == 0 && sigaddset(&go, SIGUSR1) == 0);
    need(pthread_sigmask(SIG_BLOCK, &go, NULL) == 0);
    if (accepts) {
        listener = peer_socket(SOCK_CLOEXEC);
        need(listen(listener, 5) == 0);
        marked.fd = listener; /* by this: connections from before would be plain */
        need(poll(&marked, 1, 0) == 0);
        need(getsockname(listener, (struct sockaddr *)&sin, &len) == 0);
        need(dprintf(STDOUT_FILENO, "%d\n", ntohs(sin.sin_port)) > 0);
        fd = listener + 1; /* what accept() will give */
    } else {
        fd = connect_unseen(&sin);
    }
    if (strcmp(way, "fclose") == 0) {
        stream = fdopen(fd, "r+");
        need(stream != NULL);
    }
    need(pthread_create(&thread, NULL, accepts ? take : look, accepts ? &listener : &fd) == 0);
    need(sigwait(&go, &signal_number) == 0);
    file = make_file(way, fd, stream);
    say("reused %d", file.fd == fd);
    need(pthread_join(thread, NULL) == 0);
    say("file %d", is_there(file));
    return 0;
}

static void pause_some(int times)
{
    struct timespec now, end;

    need(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
    end.tv_nsec += times * 1000L;
    do
        need(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    while (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec);
}

/* At a moment of each try's own. */
static void client_reused(const struct sockaddr_in *server)
{
    int kept = 0, last;

    for (int i = 0; i < TIMES; i++) {
        int fd = connect_unseen(server);
        struct file file;
        pthread_t thread;

        need(pthread_create(&thread, NULL, look, &fd) == 0);
        pause_some(i % 100 * 4);
        file = make_file("close", fd, NULL);
        need(pthread_join(thread, NULL) == 0);
        kept += is_there(file);
        close(file.fd);
    }
    say("kept %d", kept);
    last = peer_connect(server);
    send_pattern(last, 1, 1);
    (void)receive_all(last, 0, 0);
    close(last);
}

/* One that was over before it was accepted may not be seen; bytes come from the last one only. */
static void serve_reused(int listener)
{
    ssize_t n;

    do {
        int fd = accept(listener, NULL, NULL);
        char c;

        need(fd >= 0);
        n = read(fd, &c, 1);
        close(fd);
    } while (n <= 0);
}

const struct scenario scenarios_reuse[] = {
    {"descriptor_reused", serve_reused, client_reused, false},
    {NULL, NULL, NULL, false},
};
