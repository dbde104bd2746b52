/* SPDX-License-Identifier: MIT */
/*
 * One connection of the soak, seen from one end: both ends send a known number of bytes of
 * stream.h's sequence and check every byte that arrives. The client's first bytes are a header,
 * so that the server knows what is to come and both ends' reports can be matched.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a connection ends; the sender of a direction that has no bytes only sends its end. */
enum exchange_shape {
    EXCHANGE_HALVES,   /* both send, then shut down their half, and wait for the other's end */
    EXCHANGE_CLOSES,   /* the client closes once all bytes are there both ways */
    EXCHANGE_UPLOAD,   /* the client closes right behind its last write */
    EXCHANGE_DOWNLOAD, /* the server closes right behind its last write */
    EXCHANGE_SHAPES
};

/* The client's first bytes. Both ends are the same build: host byte order. */
struct exchange_header {
    uint64_t magic;
    uint64_t id;
    uint64_t upload, download; /* bytes behind the header, and the other way */
    uint32_t shape;            /* enum exchange_shape */
    uint32_t reserved;         /* 0 */
};

struct exchange {
    int fd; /* -1: ended, or never begun */
    bool server;
    struct exchange_header header;
    size_t header_done; /* bytes of the header sent or received */
    uint64_t sent, received;
    bool sent_all, end_seen;
    bool stale;               /* events came after its end */
    double since, moved, gap; /* stream_now(): start, latest progress; longest time without, s */
};

/* The end of the connection, for the report; NULL: goes on. */
enum exchange_events { EXCHANGE_IN = 1, EXCHANGE_OUT = 2 };

/* `fd` is non-blocking; for a client its connection may still be under way. */
void exchange_begin_client(struct exchange *x, int fd, uint64_t id, enum exchange_shape shape,
                           uint64_t upload, uint64_t download);
void exchange_begin_server(struct exchange *x, int fd);

/* Move what can be moved, at most some 100 kB. NULL, or how it ended: then `fd` is still open. */
const char *exchange_step(struct exchange *x);

/* What it waits for: enum exchange_events. */
unsigned exchange_wants(const struct exchange *x);

/* Write one line of JSON about the ended connection to `out`. */
void exchange_report(const struct exchange *x, int out, const char *end, int error);
