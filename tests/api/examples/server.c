/* SPDX-License-Identifier: MIT */
/*
 * usage: server PORT: sends back what each client sends, one client after the other, over 127.0.0.1
 * and 127.0.0.2. Blocking calls throughout.
 *
 *     cc server.c -o server $(pkg-config --cflags --libs mptcpshim)
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <mptcpshim/mptcpshim.h>

static void echo(int fd)
{
    char buf[65536];
    ssize_t n, done;

    while ((n = read(fd, buf, sizeof(buf))) > 0) {
        for (ssize_t at = 0; at < n; at += done) {
            done = write(fd, buf + at, (size_t)(n - at));
            if (done < 0) {
                warn("write");
                return;
            }
        }
    }
    if (n < 0)
        warn("read");
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    struct mptcpshim_options opts;
    int listener, fd;

    if (argc != 2)
        errx(2, "usage: server PORT");
    at.sin_port = htons((in_port_t)atoi(argv[1]));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    mptcpshim_options_init(&opts, sizeof(opts));
    listener = mptcpshim_listen((struct sockaddr *)&at, sizeof(at), 16, SOCK_CLOEXEC, &opts);
    if (listener < 0)
        err(1, "listen");
    puts("ready");
    fflush(stdout);
    while ((fd = mptcpshim_accept(listener, NULL, NULL, SOCK_CLOEXEC, &opts)) >= 0) {
        echo(fd);
        close(fd);
    }
    err(1, "accept");
}
