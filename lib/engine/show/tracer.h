/* SPDX-License-Identifier: MIT */
/*
 * The agent's trace: the records of its connections (core/trace/trace.h) as lines of JSON in a
 * file, mptcpshim-trace(5). They are collected in memory and written in large pieces, and once a
 * second. A piece is whole lines and goes out by one write at the end of the file, so several
 * agents may share one. What cannot be written, and what is beyond the limit, ends the trace with a
 * line in the log; connections do not notice.
 *
 * Records come from all engines' threads; the rest is for the thread of `loop`.
 */
#pragma once
#include <ev.h>
#include <pthread.h>
#include <stdbool.h>
#include "core/trace/trace.h"

#define MPS_TRACER_BUFFER 65536u
#define MPS_TRACER_LINE   1024u        /* no record is longer */
#define MPS_TRACER_MAX    (256u << 20) /* bytes of a file, above which nothing is added */

struct mps_tracer {
    struct mps_trace trace;
    struct ev_loop *loop;
    ev_timer timer;
    pthread_mutex_t lock; /* of what follows */
    int fd;               /* -1: no trace, or not any more */
    uint64_t size, max;   /* of the file */
    char *buf;
    size_t n;
};

/*
 * No trace yet. mps_tracer_deinit ends it.
 */
void mps_tracer_init(struct mps_tracer *self, struct ev_loop *loop);
void mps_tracer_deinit(struct mps_tracer *self);

/*
 * Write to this file from now on, at its end; %p in the name is the number of our process. It is
 * made with mode 0600 if it is not there. 0; MPS_ESYS: it cannot be opened, or is a symbolic link,
 * no regular file, somebody else's, or one with several names; MPS_ENOMEM.
 */
int mps_tracer_open(struct mps_tracer *self, const char *name, const char *agent_id);

/* For struct mps_env; NULL: there is none. */
const struct mps_trace *mps_tracer_trace(const struct mps_tracer *self);

/* What is collected is written now. */
void mps_tracer_flush(struct mps_tracer *self);
