/* SPDX-License-Identifier: MIT */
/*
 * A pipe that pages of one socket go through on their way to another one, by splice(2). It is empty
 * between two uses, so that all connections of an engine share one. Pages of sockets are the
 * kernel's own copies of what programs wrote, or of files that programs sent without a copy, as on
 * TCP: nothing here looks at them twice.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "core/base/span.h"
#include "core/base/time.h"

struct mps_pipe {
    bool open;
    int fd[2];
    mps_time_t again_at; /* it could not be made: not tried before; 0: it was not tried */
};

/*
 * All calls of this module once, for whatever comes of it; and none of them any more, in the whole
 * process: where a filter of system calls ends processes that make them.
 */
void mps_pipe_try(void);
void mps_pipe_forbid(void);

/* Is it there, or is it worth trying to make it? */
bool mps_pipe_may(const struct mps_pipe *p, mps_time_t now);

/* Is it there? It is made at the first use, or smaller than it should be if the system says so. */
bool mps_pipe_ready(struct mps_pipe *p, mps_time_t now);

/* With all that is in it. The next use makes another one. */
void mps_pipe_close(struct mps_pipe *p);

/*
 * n bytes of a stream socket, which are there (mps_sock_waiting): whether splice(2) waits for bytes
 * is the socket's O_NONBLOCK, which is not ours to set (sock.h). Returns how many. Less: they are
 * more pieces than the pipe has places for, or one is urgent, or memory is short. A piece occupies
 * a page or more, however few bytes it has, and the kernel counts the bytes of those that are
 * passed on: pieces that are too small are to be read.
 */
size_t mps_pipe_fill(const struct mps_pipe *p, int from, size_t n);

/*
 * Up to n bytes that are in it to the socket `to`, which is O_NONBLOCK, in a process that ignores
 * SIGPIPE. Returns how many; why not more has to be found out by writing.
 */
size_t mps_pipe_drain(const struct mps_pipe *p, int to, size_t n);

/* Exactly n bytes, which are in it. 0 or MPS_ESYS. */
int mps_pipe_read(const struct mps_pipe *p, const struct mps_span *place, size_t n);
