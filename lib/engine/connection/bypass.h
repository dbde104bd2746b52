/* SPDX-License-Identifier: MIT */
/*
 * The short way of payloads from a subflow's socket to the program's end: through a pipe, without a
 * copy in memory. The core says which bytes may take it (mps_subflow_rx_bypass). What the program's
 * end has no room for is read from the pipe into the core, where all other bytes go: from there it
 * is delivered later, and the short way is open again when nothing is left.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "core/base/time.h"

struct mps_app;
struct mps_conn;
struct mps_pipe;
struct mps_subflow;

struct mps_bypass {
    struct mps_pipe *pipe; /* of the engine */
    struct mps_conn *core;
    struct mps_app *app;
    bool there;     /* as of mps_bypass_look */
    unsigned rests; /* so many looks find it closed: what came was in too many pieces */
};

/* Bytes are about to be read: is there such a way now? The core is told. */
void mps_bypass_look(struct mps_bypass *b, mps_time_t now);

/*
 * The next bytes of the socket `fd` of a subflow; returns how many. 0: none by this way. *ret_rc:
 * of mps_subflow_rx_bypassed or mps_subflow_rx_done; MPS_ESYS: bytes of the subflow are lost, and
 * it has to end.
 */
size_t mps_bypass_move(struct mps_bypass *b, struct mps_subflow *sf, int fd, int *ret_rc,
                       mps_time_t now);
