/* SPDX-License-Identifier: MIT */
/*
 * The scenario for which acknowledgments in the payload were once rejected (NSDI 2012): both ends
 * write, and nobody reads until every buffer and window between them is full; then both read.
 *
 *   duel connect|listen ADDRESS PORT BYTES
 *
 * Buffers are as small as the kernel allows. Exits 0 when both directions came through whole.
 */
#include "stream.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES 4096
#define FULL_MS      1500  /* no room for so long: everything in between is full */
#define STUCK_MS     20000 /* neither direction moved for so long: a deadlock */

struct duel {
    int fd;
    uint64_t bytes, sent, got;
    bool eof;
};

static bool write_some(struct duel *duel)
{
    while (duel->sent < duel->bytes) {
        uint64_t left = duel->bytes - duel->sent;
        ssize_t n = write(duel->fd, stream_at(duel->sent),
                          left < STREAM_BLOCK ? (size_t)left : STREAM_BLOCK);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        duel->sent += (uint64_t)n;
    }
    return shutdown(duel->fd, SHUT_WR) == 0;
}

static bool read_some(struct duel *duel)
{
    uint8_t block[16384];
    ssize_t n = read(duel->fd, block, sizeof(block));

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        duel->eof = true;
    else if (!stream_matches(duel->got, block, (size_t)n))
        return false;
    duel->got += (uint64_t)n;
    return true;
}

static bool fill(struct duel *duel)
{
    struct pollfd p = {.fd = duel->fd, .events = POLLOUT};

    while (duel->sent < duel->bytes && poll(&p, 1, FULL_MS) > 0) {
        if (!write_some(duel))
            return false;
    }
    fprintf(stderr, "full after %llu bytes\n", (unsigned long long)duel->sent);
    poll(NULL, 0, FULL_MS / 2); /* the other side finds the same before anybody reads */
    return true;
}

static bool exchange(struct duel *duel)
{
    while (!duel->eof || duel->sent < duel->bytes) {
        struct pollfd p = {.fd = duel->fd};

        p.events = (short)((duel->eof ? 0 : POLLIN) | (duel->sent < duel->bytes ? POLLOUT : 0));
        if (poll(&p, 1, STUCK_MS) <= 0) {
            fprintf(stderr, "stuck: sent %llu, got %llu\n", (unsigned long long)duel->sent,
                    (unsigned long long)duel->got);
            return false;
        }
        if ((p.revents & POLLOUT) && duel->sent < duel->bytes && !write_some(duel))
            return false;
        if ((p.revents & (POLLIN | POLLHUP | POLLERR)) && !duel->eof && !read_some(duel))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct duel duel = {0};

    if (argc != 5) {
        fprintf(stderr, "usage: duel connect|listen ADDRESS PORT BYTES\n");
        return 2;
    }
    duel.bytes = strtoull(argv[4], NULL, 10);
    if (strcmp(argv[1], "listen") == 0)
        duel.fd = accept(stream_listen(argv[2], argv[3], BUFFER_BYTES), NULL, NULL);
    else
        duel.fd = stream_connect(argv[2], argv[3], BUFFER_BYTES);
    if (duel.fd < 0 || fcntl(duel.fd, F_SETFL, O_NONBLOCK) < 0)
        return 3;
    if (!fill(&duel) || !exchange(&duel) || duel.got != duel.bytes) {
        fprintf(stderr, "failed: sent %llu, got %llu: %s\n", (unsigned long long)duel.sent,
                (unsigned long long)duel.got, strerror(errno));
        return 1;
    }
    return 0;
}
