/* SPDX-License-Identifier: MIT */
/* A reproducible stream of bytes written to one descriptor and checked at another. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct stream {
    int from, to; /* non-blocking */
    uint64_t seed, length;
    uint64_t sent, received;
    bool close_after; /* close `from` right after the last byte was written */
    bool broken;      /* a byte was wrong, or there were too many */
    bool eof;         /* EOF was read */
    int error;        /* errno of the reading end */
    int send_error;   /* of the writing end */
};

/* Move what can be moved; true when `length` bytes arrived (with close_after: and EOF). */
bool stream_step(void *stream);
