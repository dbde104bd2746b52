/* SPDX-License-Identifier: MIT */
#include "stream.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 65536

/* Every position has its own value: what is lost, repeated or moved shows. */
static void fill(uint64_t seed, uint64_t at, uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t pos = at + i, x = (pos >> 3) * 0x9e3779b97f4a7c15ull + seed;

        x ^= x >> 29;
        x *= 0xbf58476d1ce4e5b9ull;
        x ^= x >> 32;
        p[i] = (uint8_t)(x >> (8 * (pos & 7)));
    }
}

static void send_some(struct stream *s)
{
    uint8_t buf[CHUNK];

    while (s->sent < s->length) {
        uint64_t left = s->length - s->sent;
        size_t n = left < CHUNK ? (size_t)left : CHUNK;
        ssize_t done;

        fill(s->seed, s->sent, buf, n);
        done = send(s->from, buf, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0 && errno != EAGAIN)
            s->send_error = errno;
        if (done <= 0)
            return;
        s->sent += (uint64_t)done;
    }
    if (s->close_after && s->from >= 0) {
        close(s->from);
        s->from = -1;
    }
}

static void receive_some(struct stream *s)
{
    uint8_t buf[CHUNK], want[CHUNK];

    for (int i = 0; i < 16; i++) {
        ssize_t n = recv(s->to, buf, CHUNK, MSG_DONTWAIT);

        if (n == 0)
            s->eof = true;
        if (n < 0 && errno != EAGAIN)
            s->error = errno;
        if (n <= 0)
            return;
        fill(s->seed, s->received, want, (size_t)n);
        s->received += (uint64_t)n;
        if (memcmp(buf, want, (size_t)n) != 0 || s->received > s->length)
            s->broken = true;
    }
}

bool stream_step(void *arg)
{
    struct stream *s = arg;

    send_some(s);
    if (!s->eof && s->error == 0)
        receive_some(s);
    if (s->broken || s->error)
        return true;
    return s->received == s->length && (!s->close_after || s->eof);
}
