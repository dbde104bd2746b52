/* SPDX-License-Identifier: MIT */
/*
 * The application's end of a connection, or rather ours: the application has the other end of an
 * AF_UNIX stream, over which it came to us (handover/message.h). That end must look like TCP:
 *
 *  - FIN is shutdown(SHUT_WR) by us, never close.
 *  - A reset is our close while a byte of the application's is unread in our receive queue: the
 *    application then gets the queued data, ECONNRESET, EOF. So one byte is always left unread. At
 *    first that is the last byte of the request that handed the connection over; later, when all is drained, it
 *    is the last byte of the stream, which is forwarded by MSG_PEEK and skipped by the next read
 *    ("ahead").
 *  - The application's close and its shutdown(SHUT_WR) differ in POLLHUP, which libev does not
 *    show; and the held byte keeps the descriptor readable for ever: see appwatch.h.
 *  - The send buffer of the end bounds how far the application's writes may be ahead of our reads.
 *    Where the application asked for a small one, bytes that were forwarded stay in the queue until
 *    the peer has them ("keeps"): they fill the buffer, as on TCP, and nothing waits behind them.
 *    They are read by MSG_PEEK then.
 *  - Urgent data (MSG_OOB) arrives inline here: reading stops before the urgent byte, and behind
 *    it. Where the kernel's AF_UNIX knows no urgent data, the byte has become an ordinary one
 *    before.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "appwatch.h"
#include "core/base/span.h"

struct mps_pipe;

struct mps_app {
    struct mps_appwatch *watch;
    struct mps_appwatch_entry entry;
    void (*ready)(struct mps_app *app); /* something changed; must not close or free */
    int fd;                             /* -1: closed */
    size_t ahead;  /* bytes at the head of the queue that were forwarded already: 0 or 1, unless: */
    bool keeps;    /* they stay there until mps_app_keep lets go of them */
    size_t buffer; /* bytes that fill its send buffer, the kernel's overhead included */
    size_t queued; /* bytes in the queue for certain, those included */
    bool changed;  /* an event came since the queue was last looked at */
    bool eof;      /* the application shut down its sending side, or closed */
    bool hup;      /* both directions: it closed */
    bool err;      /* it closed with data unread */
    bool blocked;  /* a write met a full buffer; `ready` is called when there is room */
    bool fin_sent;
    bool nonblocking; /* O_NONBLOCK is set, which splice(2) looks at */
    bool deserted;    /* mps_app_desert */
    bool urgent;      /* the last byte of the latest read is urgent */
    bool failed; /* its socket gives an error that is no end of the application: reset both ends */
    bool deaf;   /* it shut down its reading side: what we write is discarded */
};

/*
 * Take `fd`, in which one byte is unread that is no data. SO_SNDBUF of the application's end is
 * `buffer` (handover/sndbuf.h), set by who has it; ours gets `own_buffer`. 0; or MPS_ESYS, and fd
 * is the caller's.
 */
int mps_app_open(struct mps_app *app, struct mps_appwatch *watch,
                 void (*ready)(struct mps_app *app), int fd, size_t buffer, size_t own_buffer);

/* As if it had not been opened: the descriptor is the caller's again. */
void mps_app_release(struct mps_app *app);

/* Positive results of mps_app_read. */
#define MPS_APP_EOF   1 /* all was read: FIN, or close if `hup` */
#define MPS_APP_RESET 2 /* all was read: closed with data unread, as TCP resets then */

/*
 * Has the application closed while its peer may still send? Once our FIN has reached the
 * application, its close looks like its shutdown(SHUT_WR), whose bytes must reach the peer even
 * with SO_LINGER 0: false then.
 */
bool mps_app_closed_early(const struct mps_app *app);

/* Would a read give anything: bytes, the end, an error? */
bool mps_app_readable(struct mps_app *app);

/* The next bytes of the application; *ret_n may be 0: there are none now. */
int mps_app_read(struct mps_app *app, uint8_t *p, size_t len, size_t *ret_n);

/*
 * The newest n of the bytes that were forwarded stay in the queue, the others leave it. Only once
 * `keeps` is set.
 */
void mps_app_keep(struct mps_app *app, uint64_t n);

/*
 * Bytes to the application. Returns the number taken: all of them once the application listens no
 * more, none once it has closed (`hup`), since TCP answers bytes that come after a close with a
 * reset. Short of memory: none now, and `ready` follows. Any other error sets `failed`.
 */
size_t mps_app_write(struct mps_app *app, const struct mps_span *spans, unsigned n);

/*
 * Bytes that are in a pipe, n at most, without a copy. Why it took less has to be found out by
 * mps_app_write.
 */
size_t mps_app_take(struct mps_app *app, const struct mps_pipe *pipe, size_t n);

/* The same for one byte, which is urgent. */
size_t mps_app_write_urgent(struct mps_app *app, const uint8_t *byte);

/*
 * The process that holds the other end will end with its PID namespace, without having closed the
 * end: an empty queue counts as the close.
 */
void mps_app_desert(struct mps_app *app);

/* FIN to the application. */
void mps_app_fin(struct mps_app *app);

/* The end of an orderly connection: the application sees no more than it saw already. */
void mps_app_close(struct mps_app *app);

/* Reset to the application. */
void mps_app_reset(struct mps_app *app);
