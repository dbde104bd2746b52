/* SPDX-License-Identifier: MIT */
/*
 * What the benchmarks measure with.
 *
 *   flow serve ADDRESS PORT COUNT                  COUNT connections, one after the other
 *   flow get ADDRESS PORT SECONDS OMIT BYTES BUFFER [STALLS]
 *                                                  download, stop at the time or after BYTES
 *   flow watch ADDRESS PORT SECONDS                download so long, the rate of each second
 *   flow ping ADDRESS PORT COUNT                   128-byte messages to and fro
 *   flow trade ADDRESS PORT OUT IN                 send OUT bytes while IN bytes are received
 *   flow trader ADDRESS PORT OUT IN                the server for one of these
 *   flow hold ADDRESS PORT COUNT                   as many connections, idle until stdin ends
 *   flow keep ADDRESS PORT COUNT                   the server for these
 *
 * One JSON object on stdout. get: `mbit_s` and `gap_ms` (the longest time without a byte) do not
 * count the first OMIT seconds after the first byte, `seconds` is from before connect();
 * `quiet_gap_ms` is of the `quiet_s` seconds in which the machine did not disturb it, says the file
 * STALLS (gaps.h), null if those are too few; BUFFER 0 leaves the buffers alone. `cpu` is the CPU
 * time of this process in seconds. watch: `began`, the time of the first byte since the machine
 * started; `each`, Mbit/s second by second from there.
 */
#include "../bed/stream.h"
#include "gaps.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PING_BYTES    128
#define REQUEST_BYTES 24
#define QUIET_MIN     0.5 /* s: in less than that no gap is known */

static uint8_t block[STREAM_BLOCK];

static double cpu_seconds(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static bool read_all(int fd, void *data, size_t len)
{
    size_t got = 0;

    while (got < len) {
        ssize_t n = read(fd, (uint8_t *)data + got, len - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

static bool write_all(int fd, const void *data, size_t len)
{
    size_t put = 0;

    while (put < len) {
        ssize_t n = write(fd, (const uint8_t *)data + put, len - put);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        put += (size_t)n;
    }
    return true;
}

/* A request is "d BYTES" (send them) or "e 0" (send back what comes), padded with zeros. */
static bool request(int fd, char kind, uint64_t bytes)
{
    char text[REQUEST_BYTES] = "";

    snprintf(text, sizeof(text), "%c %llu", kind, (unsigned long long)bytes);
    return write_all(fd, text, sizeof(text));
}

static void serve_one(int fd)
{
    char text[REQUEST_BYTES];
    uint64_t left;

    if (!read_all(fd, text, sizeof(text)))
        return;
    text[sizeof(text) - 1] = '\0';
    if (text[0] == 'e') {
        while (read_all(fd, block, PING_BYTES) && write_all(fd, block, PING_BYTES))
            ;
        return;
    }
    left = strtoull(text + 2, NULL, 10);
    for (uint64_t at = 0; left > 0;) {
        size_t len = left < STREAM_BLOCK ? (size_t)left : STREAM_BLOCK;

        if (!write_all(fd, stream_at(at), len))
            return; /* the client has seen enough */
        at += len;
        left -= len;
    }
}

static int serve(const char *address, const char *port, long count)
{
    int listener = stream_listen(address, port, 0);

    (void)stream_at(0);
    for (long i = 0; i < count; i++) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            return 1;
        serve_one(fd);
        close(fd);
    }
    printf("{\"cpu\":%.3f}\n", cpu_seconds());
    return 0;
}

static int get(char **argv)
{
    double limit = strtod(argv[2], NULL), omit = strtod(argv[3], NULL);
    uint64_t bytes = strtoull(argv[4], NULL, 10), got = 0, counted = 0;
    double start, now = 0, first = 0, last = 0;
    struct timeval wait = {.tv_sec = 1};
    struct gaps gaps = {0};
    struct quiet quiet = {0};
    bool right = true;
    ssize_t n = 0;
    int fd;

    (void)stream_at(0);
    start = stream_now();
    fd = stream_connect(argv[0], argv[1], (int)strtol(argv[5], NULL, 10));
    if (!request(fd, 'd', bytes) ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
        return 1;
    while (got < bytes && (got == 0 || now - first < limit)) {
        n = read(fd, block, sizeof(block));
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0 || (n < 0 && errno != EAGAIN))
            break;
        now = stream_now();
        if (n < 0) { /* a stall counts, and does not last for ever */
            right = right && (got == 0 || gaps_add(&gaps, last, now));
            continue;
        }
        if (got == 0)
            first = last = now;
        if (now - first >= omit) {
            right = right && gaps_add(&gaps, last, now);
            counted += (uint64_t)n;
        }
        last = now;
        right = right && stream_matches(got, block, (size_t)n);
        got += (uint64_t)n;
    }
    right = gaps_quiet(&gaps, first + omit, now, argv[6], &quiet) && right && n > 0;
    printf("{\"bytes\":%llu,\"seconds\":%.4f,\"mbit_s\":%.2f,\"gap_ms\":%.1f,\"quiet_s\":%.1f,",
           (unsigned long long)got, last - start,
           now - first > omit ? (double)counted * 8e-6 / (now - first - omit) : 0,
           gaps_longest(&gaps) * 1000, quiet.seconds);
    if (quiet.seconds >= QUIET_MIN)
        printf("\"quiet_gap_ms\":%.1f,", quiet.gap * 1000);
    else
        printf("\"quiet_gap_ms\":null,");
    printf("\"cpu\":%.3f,\"ok\":%s}\n", cpu_seconds(), right ? "true" : "false");
    gaps_free(&gaps);
    return !right;
}

static int watch(const char *address, const char *port, unsigned seconds)
{
    uint64_t *bytes = calloc(seconds, sizeof(*bytes));
    struct timeval wait = {.tv_sec = 1};
    double began = 0;
    int fd = stream_connect(address, port, 0);

    if (!bytes || !request(fd, 'd', UINT64_MAX >> 1) ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0) {
        free(bytes);
        return 1;
    }
    for (;;) {
        ssize_t n = read(fd, block, sizeof(block));
        double now = stream_now();

        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            break;
        if (began == 0 && n > 0)
            began = now;
        if (began > 0 && now - began >= seconds)
            break;
        if (n > 0)
            bytes[(unsigned)(now - began)] += (uint64_t)n;
    }
    printf("{\"began\":%.3f,\"each\":[", began);
    for (unsigned i = 0; i < seconds; i++)
        printf("%s%.2f", i ? "," : "", (double)bytes[i] * 8e-6);
    puts("]}");
    free(bytes);
    return 0;
}

static int ping(const char *address, const char *port, long count)
{
    int fd = stream_connect(address, port, 0);
    double start = stream_now();
    long i = 0;

    if (!request(fd, 'e', 0))
        return 1;
    while (i < count && write_all(fd, block, PING_BYTES) && read_all(fd, block, PING_BYTES))
        i++;
    printf("{\"rounds\":%ld,\"us\":%.2f,\"ok\":%s}\n", i,
           (stream_now() - start) * 1e6 / (double)(i ? i : 1), i == count ? "true" : "false");
    return i != count;
}

/* Sends in a process of its own, so that neither direction waits for the other. */
static pid_t send_beside(int fd, uint64_t bytes)
{
    pid_t child = fork();
    bool sent = true;

    if (child != 0)
        return child;
    for (uint64_t at = 0; sent && at < bytes;) {
        size_t len = bytes - at < STREAM_BLOCK ? (size_t)(bytes - at) : STREAM_BLOCK;

        sent = write_all(fd, stream_at(at), len);
        at += len;
    }
    _exit(sent && shutdown(fd, SHUT_WR) == 0 ? 0 : 1);
}

static int trade(char **argv, bool server)
{
    uint64_t out = strtoull(argv[2], NULL, 10), in = strtoull(argv[3], NULL, 10), got = 0;
    int fd, status = 1, listener = server ? stream_listen(argv[0], argv[1], 0) : -1;
    bool right = true;
    double start;
    ssize_t n;

    (void)stream_at(0);
    start = stream_now();
    fd = server ? accept(listener, NULL, NULL) : stream_connect(argv[0], argv[1], 0);
    if (server)
        start = stream_now();
    if (fd < 0 || send_beside(fd, out) < 0)
        return 1;
    while ((n = read(fd, block, sizeof(block))) > 0) {
        right = right && stream_matches(got, block, (size_t)n);
        got += (uint64_t)n;
    }
    right = right && n == 0 && got == in && wait(&status) > 0 && status == 0;
    printf("{\"bytes\":%llu,\"seconds\":%.3f,\"ok\":%s}\n", (unsigned long long)(got + out),
           stream_now() - start, right ? "true" : "false");
    return !right;
}

static int hold(const char *address, const char *port, long count, bool server)
{
    int listener = server ? stream_listen(address, port, 0) : -1;
    uint8_t byte = 0;
    int fd = -1;

    for (long i = 0; i < count; i++) {
        /* The byte makes sure that the connection is set up through and through. */
        fd = server ? accept(listener, NULL, NULL) : stream_connect(address, port, 0);
        if (fd < 0 || !(server ? write_all(fd, &byte, 1) : read_all(fd, &byte, 1)))
            return 1;
    }
    printf("{\"held\":%ld,\"ok\":true}\n", count);
    fflush(stdout);
    /* The server goes with the last client, the client when it is told. */
    (void)!read(server ? fd : STDIN_FILENO, &byte, 1);
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 5 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2], argv[3], strtol(argv[4], NULL, 10));
    if ((argc == 8 || argc == 9) && strcmp(argv[1], "get") == 0)
        return get(argv + 2);
    if (argc == 5 && strcmp(argv[1], "watch") == 0)
        return watch(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 10));
    if (argc == 5 && strcmp(argv[1], "ping") == 0)
        return ping(argv[2], argv[3], strtol(argv[4], NULL, 10));
    if (argc == 6 && (strcmp(argv[1], "trade") == 0 || strcmp(argv[1], "trader") == 0))
        return trade(argv + 2, strcmp(argv[1], "trader") == 0);
    if (argc == 5 && (strcmp(argv[1], "hold") == 0 || strcmp(argv[1], "keep") == 0))
        return hold(argv[2], argv[3], strtol(argv[4], NULL, 10), argv[1][0] == 'k');
    fprintf(stderr, "usage: flow serve|get|watch|ping|trade|trader|hold|keep ADDRESS PORT ...\n");
    return 2;
}
