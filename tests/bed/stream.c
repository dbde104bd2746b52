/* SPDX-License-Identifier: MIT */
#include "stream.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint8_t *make_stream(void)
{
    uint8_t *bytes = malloc(STREAM_PERIOD + STREAM_BLOCK + 8);
    uint64_t state = 0;

    if (!bytes)
        exit(3);
    for (size_t i = 0; i < STREAM_PERIOD; i += 8) { /* splitmix64 */
        uint64_t z = (state += 0x9e3779b97f4a7c15ULL);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        z ^= z >> 31;
        memcpy(bytes + i, &z, 8);
    }
    memcpy(bytes + STREAM_PERIOD, bytes, STREAM_BLOCK);
    return bytes;
}

const uint8_t *stream_at(uint64_t offset)
{
    static uint8_t *bytes;

    if (!bytes)
        bytes = make_stream();
    return bytes + offset % STREAM_PERIOD;
}

bool stream_matches(uint64_t offset, const uint8_t *data, size_t len)
{
    return memcmp(stream_at(offset), data, len) == 0;
}

double stream_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int open_socket(const char *address, const char *port, int buffer_bytes, bool passive)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV},
                    *info;
    int fd, on = 1;

    if (getaddrinfo(address, port, &hints, &info) != 0) {
        fprintf(stderr, "bad address %s port %s\n", address, port);
        exit(2);
    }
    fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        perror("socket");
        exit(3);
    }
    if (buffer_bytes &&
        (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes)) < 0 ||
         setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes)) < 0)) {
        perror("SO_SNDBUF, SO_RCVBUF");
        exit(3);
    }
    if (passive)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if ((passive ? bind(fd, info->ai_addr, info->ai_addrlen)
                 : connect(fd, info->ai_addr, info->ai_addrlen)) < 0) {
        perror(passive ? "bind" : "connect");
        exit(3);
    }
    freeaddrinfo(info);
    return fd;
}

int stream_connect(const char *address, const char *port, int buffer_bytes)
{
    return open_socket(address, port, buffer_bytes, false);
}

int stream_listen(const char *address, const char *port, int buffer_bytes)
{
    int fd = open_socket(address, port, buffer_bytes, true);

    if (listen(fd, 64) < 0) {
        perror("listen");
        exit(3);
    }
    return fd;
}
