/* SPDX-License-Identifier: MIT */
/*
 * A small program for a libc that is not the one of the build: usage: libc-fetch ADDRESS PORT.
 * Connects, sends a byte, reads to the end, and prints how many bytes came, with the descriptor in
 * a poll() loop while a second thread lives: the calls that the preload answers itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int gate[2];

static void *wait_for_the_end(void *arg)
{
    char byte;

    (void)arg;
    return read(gate[0], &byte, 1) == 0 ? NULL : (void *)1;
}

static int fail(const char *what)
{
    perror(what);
    return 1;
}

static int fetch(int fd)
{
    struct pollfd p = {fd, POLLOUT, 0};
    unsigned long got = 0;
    char buf[65536];
    socklen_t len = sizeof(int);
    int error = 0;
    ssize_t n;

    if (poll(&p, 1, 20000) != 1 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 ||
        error != 0 || write(fd, "g", 1) != 1)
        return fail("connect");
    for (;;) {
        p.events = POLLIN;
        if (poll(&p, 1, 20000) != 1)
            return fail("poll");
        n = read(fd, buf, sizeof(buf));
        if (n == 0)
            break;
        if (n < 0 && errno != EAGAIN)
            return fail("read");
        got += n > 0 ? (unsigned long)n : 0;
    }
    printf("%lu\n", got);
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in to = {0};
    pthread_t thread;
    int fd = socket(AF_INET, SOCK_STREAM, 0), rc;

    if (argc != 3 || fd < 0)
        return 2;
    to.sin_family = AF_INET;
    to.sin_port = htons((unsigned short)strtol(argv[2], NULL, 10));
    if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1 || pipe(gate) != 0 ||
        pthread_create(&thread, NULL, wait_for_the_end, NULL) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        return fail("start");
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)
        return fail("connect");
    rc = fetch(fd);
    close(fd);
    close(gate[1]);
    pthread_join(thread, NULL);
    return rc;
}
