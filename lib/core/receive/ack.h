/* SPDX-License-Identifier: MIT */
/*
 * When to acknowledge: at once where the peer waits for it, every eighth of the window in bulk,
 * a little later otherwise. What goes into the acknowledgment is always the newest state.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/time.h"

struct mps_ack {
    uint64_t pending;    /* payload bytes received since the last acknowledgment went out */
    mps_time_t due;      /* latest time of the next one, MPS_NEVER: nothing to acknowledge */
    uint32_t subflow_id; /* where the newest data came from */
};

void mps_ack_init(struct mps_ack *a);

/* n bytes of payload arrived on subflow `id`; `window` is the receive window in bytes. */
void mps_ack_data(struct mps_ack *a, uint64_t n, uint64_t window, uint32_t id, mps_time_t now);

/* The peer waits: ACK_NOW, duplicate data, credit that opens again, FIN after our own. */
void mps_ack_now(struct mps_ack *a, mps_time_t now);

/* Something without payload that the peer need not hear of at once. */
void mps_ack_soon(struct mps_ack *a, mps_time_t now);

bool mps_ack_is_due(const struct mps_ack *a, mps_time_t now);

/* A frame with the newest DATA_ACK and credit is on its way. */
void mps_ack_sent(struct mps_ack *a);

/* NULL, or what is broken: every function above keeps it whole. Walks it all. */
const char *mps_ack_check(const struct mps_ack *a);
