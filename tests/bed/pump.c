/* SPDX-License-Identifier: MIT */
/*
 * One-way bulk transfer with a check of every byte.
 *
 *   pump send ADDRESS PORT BYTES          connect, write, exit at once after the last write
 *   pump give ADDRESS PORT BYTES          the same on the first connection that is accepted
 *   pump recv ADDRESS PORT BYTES [COUNT]  listen, take COUNT connections one after the other
 *   pump take ADDRESS PORT BYTES          the same on a connection of its own
 *
 * The receiver prints one JSON object for each connection: bytes, seconds from the first byte,
 * Mbit/s, the longest time without a byte in ms, and whether bytes and end were right. Into the
 * file PUMP_TIMELINE, if the environment names one, it writes the time of day in seconds and the
 * bytes so far, at most each millisecond.
 */
#include "stream.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static FILE *timeline;

static int send_stream(int fd, uint64_t bytes)
{
    uint64_t sent = 0;

    while (sent < bytes) {
        size_t len = bytes - sent < STREAM_BLOCK ? (size_t)(bytes - sent) : STREAM_BLOCK;
        ssize_t n = write(fd, stream_at(sent), len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            perror("write");
            return 1;
        }
        sent += (uint64_t)n;
    }
    _exit(0); /* neither shutdown nor close: what write() took is the system's to deliver */
}

static int give(const char *address, const char *port, uint64_t bytes)
{
    int fd;

    (void)stream_at(0);
    fd = accept(stream_listen(address, port, 0), NULL, NULL);
    if (fd < 0) {
        perror("accept");
        return 1;
    }
    return send_stream(fd, bytes);
}

static void note(uint64_t got)
{
    static double noted;
    struct timespec ts;
    double now;

    clock_gettime(CLOCK_REALTIME, &ts);
    now = (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
    if (now - noted < 0.001)
        return;
    noted = now;
    fprintf(timeline, "%.4f %llu\n", now, (unsigned long long)got);
}

/* Read one connection to its end. */
static bool receive_one(int fd, uint64_t bytes)
{
    static uint8_t block[STREAM_BLOCK];
    double first = 0, last = 0, gap = 0, now = 0;
    uint64_t got = 0;
    bool right = true;
    ssize_t n;

    while ((n = read(fd, block, sizeof(block))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            perror("read");
            right = false;
            break;
        }
        now = stream_now();
        if (got == 0)
            first = now;
        else if (now - last > gap)
            gap = now - last;
        last = now;
        right = right && stream_matches(got, block, (size_t)n);
        got += (uint64_t)n;
        if (timeline)
            note(got);
    }
    right = right && got == bytes;
    printf("{\"bytes\":%llu,\"seconds\":%.3f,\"mbit_s\":%.2f,\"max_gap_ms\":%.1f,\"ok\":%s}\n",
           (unsigned long long)got, last - first,
           last > first ? (double)got * 8e-6 / (last - first) : 0, gap * 1000,
           right ? "true" : "false");
    fflush(stdout);
    return right;
}

static int receive(const char *address, const char *port, uint64_t bytes, long count)
{
    int listener = stream_listen(address, port, 0);
    int failed = 0;

    (void)stream_at(0);
    for (long i = 0; i < count; i++) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0) {
            perror("accept");
            return 1;
        }
        failed += !receive_one(fd, bytes);
        close(fd);
    }
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    uint64_t bytes = argc >= 5 ? strtoull(argv[4], NULL, 10) : 0;
    const char *path = getenv("PUMP_TIMELINE");

    if (path && !(timeline = fopen(path, "w"))) {
        perror(path);
        return 1;
    }
    if (argc == 5 && strcmp(argv[1], "send") == 0)
        return send_stream(stream_connect(argv[2], argv[3], 0), bytes);
    if (argc == 5 && strcmp(argv[1], "give") == 0)
        return give(argv[2], argv[3], bytes);
    if (argc == 5 && strcmp(argv[1], "take") == 0) {
        (void)stream_at(0);
        return receive_one(stream_connect(argv[2], argv[3], 0), bytes) ? 0 : 1;
    }
    if ((argc == 5 || argc == 6) && strcmp(argv[1], "recv") == 0)
        return receive(argv[2], argv[3], bytes, argc == 6 ? strtol(argv[5], NULL, 10) : 1);
    fprintf(stderr, "usage: pump send|give|recv|take ADDRESS PORT BYTES [COUNT]\n");
    return 2;
}
