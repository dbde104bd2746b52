/* SPDX-License-Identifier: MIT */
/*
 * Orderly end of a subflow's socket: FIN, then whatever still comes is read and dropped until the
 * peer's FIN. Closing at once would answer a late DATA_ACK with a RST, and that could cost the
 * peer our own last bytes.
 */
#pragma once
#include <ev.h>
#include "core/base/list.h"

#define MPS_LINGER_MAX       256
#define MPS_LINGER_TIMEOUT_S 3.0

struct mps_linger {
    struct ev_loop *loop;
    struct mps_list waiting;
    unsigned n_waiting;
};

void mps_linger_init(struct mps_linger *self, struct ev_loop *loop);
void mps_linger_deinit(struct mps_linger *self);

/* Takes the descriptor. */
void mps_linger_add(struct mps_linger *self, int fd);
