/* SPDX-License-Identifier: MIT */
#include "exchange.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../bed/stream.h"

#define MAGIC 0x6b616f73656e6f31ULL
#define BLOCK 65536u
#define STEPS 4

static void begin(struct exchange *x, int fd, bool server)
{
    memset(x, 0, sizeof(*x));
    x->fd = fd;
    x->server = server;
    x->since = x->moved = stream_now();
}

void exchange_begin_client(struct exchange *x, int fd, uint64_t id, enum exchange_shape shape,
                           uint64_t upload, uint64_t download)
{
    begin(x, fd, false);
    x->header = (struct exchange_header){
        .magic = MAGIC,
        .id = id,
        .upload = shape == EXCHANGE_DOWNLOAD ? 0 : upload,
        .download = shape == EXCHANGE_UPLOAD ? 0 : download,
        .shape = (uint32_t)shape,
    };
}

void exchange_begin_server(struct exchange *x, int fd)
{
    begin(x, fd, true);
}

static uint64_t to_send(const struct exchange *x)
{
    return x->server ? x->header.download : x->header.upload;
}

static uint64_t to_receive(const struct exchange *x)
{
    return x->server ? x->header.upload : x->header.download;
}

/* Each connection and direction has bytes of its own. */
static uint64_t place(const struct exchange *x, bool upload, uint64_t offset)
{
    return x->header.id * 7919 + (upload ? 0 : STREAM_PERIOD / 2) + offset;
}

static void progress(struct exchange *x)
{
    double now = stream_now();

    if (now - x->moved > x->gap)
        x->gap = now - x->moved;
    x->moved = now;
}

/* errno says that there is nothing to do now. */
static bool later(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static const char *step_header(struct exchange *x, bool *moved)
{
    char *at = (char *)&x->header + x->header_done;
    size_t left = sizeof(x->header) - x->header_done;
    ssize_t n = x->server ? recv(x->fd, at, left, 0) : send(x->fd, at, left, MSG_NOSIGNAL);

    if (n < 0)
        return later() ? NULL : x->server ? "header_error" : "write_error";
    if (n == 0)
        return "header_eof";
    x->header_done += (size_t)n;
    *moved = true;
    progress(x);
    if (x->header_done == sizeof(x->header) &&
        (x->header.magic != MAGIC || x->header.shape >= EXCHANGE_SHAPES))
        return "wrong_header";
    return NULL;
}

static const char *step_send(struct exchange *x, bool *moved)
{
    uint64_t left = to_send(x) - x->sent;
    ssize_t n;

    if (left > 0) {
        n = send(x->fd, stream_at(place(x, !x->server, x->sent)), left < BLOCK ? left : BLOCK,
                 MSG_NOSIGNAL);
        if (n < 0)
            return later() ? NULL : "write_error";
        x->sent += (uint64_t)n;
        *moved = true;
        progress(x);
    }
    if (x->sent < to_send(x))
        return NULL;
    x->sent_all = *moved = true;
    if (x->header.shape == (x->server ? EXCHANGE_DOWNLOAD : EXCHANGE_UPLOAD))
        return "ok";
    if (x->server || x->header.shape != EXCHANGE_CLOSES)
        (void)shutdown(x->fd, SHUT_WR); /* an error shows at the next read */
    return NULL;
}

static const char *step_receive(struct exchange *x, bool *moved)
{
    uint8_t block[BLOCK];
    ssize_t n = recv(x->fd, block, sizeof(block), 0);

    if (n < 0)
        return later() ? NULL : "read_error";
    *moved = true;
    progress(x);
    if (n == 0) {
        x->end_seen = true;
        return x->received < to_receive(x) ? "short_eof" : NULL;
    }
    if (!stream_matches(place(x, x->server, x->received), block, (size_t)n))
        return "wrong_byte";
    x->received += (uint64_t)n;
    return x->received > to_receive(x) ? "too_much" : NULL;
}

static bool is_complete(const struct exchange *x)
{
    if (!x->sent_all || x->received < to_receive(x))
        return false;
    return x->end_seen || (!x->server && x->header.shape == EXCHANGE_CLOSES);
}

const char *exchange_step(struct exchange *x)
{
    const char *end = NULL;
    bool moved = true;

    for (unsigned i = 0; i < STEPS && moved && !end; i++) {
        moved = false;
        if (x->header_done < sizeof(x->header)) {
            end = step_header(x, &moved);
            continue;
        }
        if (!x->sent_all)
            end = step_send(x, &moved);
        if (!end && !x->end_seen)
            end = step_receive(x, &moved);
        if (!end && is_complete(x))
            end = "ok";
    }
    return end;
}

unsigned exchange_wants(const struct exchange *x)
{
    bool header = x->header_done < sizeof(x->header);
    unsigned wants = 0;

    if (!x->end_seen && !(header && !x->server))
        wants |= EXCHANGE_IN;
    if (header ? !x->server : !x->sent_all)
        wants |= EXCHANGE_OUT;
    return wants;
}

void exchange_report(const struct exchange *x, int out, const char *end, int error)
{
    double now = stream_now();
    char line[512];
    int n = snprintf(line, sizeof(line),
                     "{\"side\":\"%s\",\"id\":\"%016llx\",\"end\":\"%s\",\"errno\":%d,"
                     "\"shape\":%u,\"sent\":%llu,\"of\":%llu,\"received\":%llu,\"from\":%llu,"
                     "\"seconds\":%.3f,\"gap\":%.3f,\"at\":%.3f}\n",
                     x->server ? "server" : "client", (unsigned long long)x->header.id, end, error,
                     x->header.shape, (unsigned long long)x->sent, (unsigned long long)to_send(x),
                     (unsigned long long)x->received, (unsigned long long)to_receive(x),
                     now - x->since, now - x->moved > x->gap ? now - x->moved : x->gap, now);

    /* One write: lines of several processes do not mix. */
    if (n > 0 && write(out, line, (size_t)n) != n)
        perror("report");
}
