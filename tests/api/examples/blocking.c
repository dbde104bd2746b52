/* SPDX-License-Identifier: MIT */
/*
 * usage: blocking PORT: sends standard input to the server at 127.0.0.1, and prints what comes
 * back. One process writes, the other reads: a descriptor of the library goes through fork().
 *
 *     cc blocking.c -o blocking $(pkg-config --cflags --libs mptcpshim)
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <mptcpshim/mptcpshim.h>

static void copy(int from, int to)
{
    char buf[65536];
    ssize_t n, done;

    while ((n = read(from, buf, sizeof(buf))) > 0) {
        for (ssize_t at = 0; at < n; at += done) {
            done = write(to, buf + at, (size_t)(n - at));
            if (done < 0)
                err(1, "write");
        }
    }
    if (n < 0)
        err(1, "read");
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    struct mptcpshim_options opts;
    pid_t writer;
    int fd, status;

    if (argc != 2)
        errx(2, "usage: blocking PORT");
    at.sin_port = htons((in_port_t)atoi(argv[1]));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    mptcpshim_options_init(&opts, sizeof(opts));
    fd = mptcpshim_connect((struct sockaddr *)&at, sizeof(at), SOCK_CLOEXEC, &opts);
    if (fd < 0)
        err(1, "connect");
    writer = fork();
    if (writer < 0)
        err(1, "fork");
    if (writer == 0) {
        copy(STDIN_FILENO, fd);
        shutdown(fd, SHUT_WR);
        _exit(0);
    }
    copy(fd, STDOUT_FILENO);
    if (waitpid(writer, &status, 0) != writer || status != 0)
        errx(1, "the writer failed");
    fprintf(stderr, "%s\n", mptcpshim_is_multipath(fd) == 0 ? "plain TCP" : "multipath");
    return 0;
}
