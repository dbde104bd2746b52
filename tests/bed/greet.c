/* SPDX-License-Identifier: MIT */
/*
 * Many short connections whose every byte is checked, in two processes: what one program sends is
 * all that the other one may see.
 *
 *   greet serve PORT BANNER_PORT   until SIGTERM; at BANNER_PORT the server speaks first. For each
 *                                  connection that is not as it should be a line, and a sum.
 *   greet walk                     connects as the lines of its input say, "LABEL FROM TO PORT
 *                                  banner|request|large" (FROM: an address or -; large: a request
 *                                  with a large receive buffer), and writes for each
 *                                  "LABEL own|native right|wrong MILLISECONDS": whether the
 *                                  descriptor is one of the shim's, and whether all bytes were right.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BANNER   "220 ready\r\n"
#define WORD     16 /* "PING" or "PONG" and twelve digits */
#define GUESTS   64
#define PATIENCE 15 /* seconds, for one step of a connection */

static volatile sig_atomic_t stopped;

static void on_term(int signal_number)
{
    stopped = 1;
}

/* ---- the server ---- */

struct guest {
    int fd;
    size_t n;
    char word[WORD + 1];
};

static struct guest guests[GUESTS];
static struct pollfd polled[GUESTS + 2];
static unsigned n_guests, n_right, n_foreign, n_empty;

static int open_listener(int port)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((in_port_t)port)};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, off = 0;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 64) < 0) {
        perror("greet: listen");
        exit(2);
    }
    return fd;
}

static void say_foreign(const struct guest *g)
{
    printf("foreign");
    for (size_t i = 0; i < g->n; i++)
        printf(" %02x", (unsigned char)g->word[i]);
    printf("\n");
    fflush(stdout);
}

/* False: it is over. */
static bool serve_some(struct guest *g)
{
    ssize_t n = recv(g->fd, g->word + g->n, WORD - g->n, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0) {
        /* What ended without a byte was for nobody. */
        if (g->n == 0)
            n_empty++;
        else
            say_foreign(g);
        n_foreign += g->n > 0;
        return false;
    }
    g->n += (size_t)n;
    if (strncmp(g->word, "PING", g->n < 4 ? g->n : 4) != 0) {
        n_foreign++;
        say_foreign(g);
        return false;
    }
    if (g->n < WORD)
        return true;
    n_right++;
    g->word[1] = 'O';
    (void)!send(g->fd, g->word, WORD, MSG_NOSIGNAL);
    return false;
}

static void take(int listener, bool banner)
{
    int fd = n_guests < GUESTS ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;

    if (fd < 0)
        return;
    if (banner)
        (void)!send(fd, BANNER, sizeof(BANNER) - 1, MSG_NOSIGNAL);
    guests[n_guests] = (struct guest){.fd = fd};
    n_guests++;
}

static int serve(int port, int banner_port)
{
    struct sigaction action = {.sa_handler = on_term};

    sigaction(SIGTERM, &action, NULL);
    polled[0] = (struct pollfd){.fd = open_listener(port), .events = POLLIN};
    polled[1] = (struct pollfd){.fd = open_listener(banner_port), .events = POLLIN};
    while (!stopped) {
        unsigned n = n_guests;

        for (unsigned i = 0; i < n; i++)
            polled[i + 2] = (struct pollfd){.fd = guests[i].fd, .events = POLLIN};
        if (poll(polled, n + 2, -1) <= 0)
            continue;
        for (unsigned i = n; i-- > 0;) {
            if (polled[i + 2].revents == 0 || serve_some(&guests[i]))
                continue;
            close(guests[i].fd);
            guests[i] = guests[--n_guests];
        }
        if (polled[0].revents)
            take(polled[0].fd, false);
        if (polled[1].revents)
            take(polled[1].fd, true);
    }
    printf("right %u foreign %u empty %u\n", n_right, n_foreign, n_empty);
    return n_foreign > 0;
}

/* ---- the client ---- */

static socklen_t address(const char *text, int port, struct sockaddr_storage *ret)
{
    struct sockaddr_in *in = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

    memset(ret, 0, sizeof(*ret));
    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons((in_port_t)port);
        return sizeof(*in);
    }
    if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1) {
        fprintf(stderr, "greet: no address: %s\n", text);
        exit(2);
    }
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons((in_port_t)port);
    return sizeof(*in6);
}

static bool receives(int fd, const char *expected, size_t len)
{
    char got[32];

    return recv(fd, got, len, MSG_WAITALL) == (ssize_t)len && memcmp(got, expected, len) == 0;
}

/* Asked of the kernel, past the shim. */
static bool is_own(int fd)
{
    struct sockaddr_storage ss = {0};
    socklen_t len = sizeof(ss);

    return syscall(SYS_getsockname, fd, &ss, &len) == 0 && ss.ss_family == AF_UNIX;
}

static bool talk(int fd, unsigned number, bool banner)
{
    char word[WORD + 1], tail;

    snprintf(word, sizeof(word), "PING%012u", number);
    if ((banner && !receives(fd, BANNER, sizeof(BANNER) - 1)) ||
        send(fd, word, WORD, MSG_NOSIGNAL) != WORD)
        return false;
    word[1] = 'O';
    return receives(fd, word, WORD) && recv(fd, &tail, 1, 0) == 0;
}

static void walk_one(const char *label, const char *from, const char *to, int port,
                     const char *kind)
{
    const bool banner = strcmp(kind, "banner") == 0;
    const int large = 1 << 20;
    static unsigned number;
    const struct timeval patience = {.tv_sec = PATIENCE};
    struct sockaddr_storage ss;
    socklen_t len = address(to, port, &ss);
    struct timespec a, b;
    bool right = true, own;
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    clock_gettime(CLOCK_MONOTONIC, &a);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (strcmp(kind, "large") == 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
    if (strcmp(from, "-") != 0) {
        struct sockaddr_storage local;
        socklen_t local_len = address(from, 0, &local);

        right = bind(fd, (struct sockaddr *)&local, local_len) == 0;
    }
    right = right && connect(fd, (struct sockaddr *)&ss, len) == 0 && talk(fd, ++number, banner);
    own = is_own(fd);
    close(fd);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%s %s %s %ld\n", label, own ? "own" : "native", right ? "right" : "wrong",
           (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000);
}

static int walk(void)
{
    char label[64], from[64], to[64], kind[16];
    int port;

    setvbuf(stdout, NULL, _IOLBF, 0);
    while (scanf("%63s %63s %63s %d %15s", label, from, to, &port, kind) == 5)
        walk_one(label, from, to, port, kind);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "serve") == 0)
        return serve(atoi(argv[2]), atoi(argv[3]));
    if (argc == 2 && strcmp(argv[1], "walk") == 0)
        return walk();
    fprintf(stderr, "usage: greet serve PORT BANNER_PORT | greet walk\n");
    return 2;
}
