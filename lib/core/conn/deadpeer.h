/* SPDX-License-Identifier: MIT */
/*
 * When a program that asked for it learns that its peer is gone: SO_KEEPALIVE with its three times,
 * and TCP_USER_TIMEOUT (RFC 9293 section 3.8.4, RFC 5482), counted over all paths: any path that
 * brings something keeps the connection alive.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/time.h"

struct mps_timeouts {
    mps_time_t keep_idle;     /* silence before the first probe, 0: no probes */
    mps_time_t keep_interval; /* between two */
    unsigned keep_count;      /* probes without an answer that end the connection */
    mps_time_t user; /* data may wait so long for an acknowledgment or for credit, 0: for ever */
};

struct mps_deadpeer {
    struct mps_timeouts t;
    mps_time_t heard_at;
    mps_time_t waits_since; /* for the peer, without progress; MPS_NEVER: it does not */
    mps_time_t probed_at;
    unsigned probes; /* since it was heard of */
    uint64_t progress;
};

void mps_deadpeer_init(struct mps_deadpeer *d, mps_time_t now);
void mps_deadpeer_set(struct mps_deadpeer *d, const struct mps_timeouts *t);

/* Bytes of the peer have come, or a path to it works. */
void mps_deadpeer_heard(struct mps_deadpeer *d, mps_time_t now);

/* Does data wait for the peer? `progress` differs from before if that did something about it. */
void mps_deadpeer_waiting(struct mps_deadpeer *d, bool waiting, uint64_t progress, mps_time_t now);

/* When mps_deadpeer_check is to be called, MPS_NEVER if not. */
mps_time_t mps_deadpeer_deadline(const struct mps_deadpeer *d);

enum mps_deadpeer_verdict { MPS_DEADPEER_NOTHING, MPS_DEADPEER_PROBE, MPS_DEADPEER_DEAD };

enum mps_deadpeer_verdict mps_deadpeer_check(struct mps_deadpeer *d, mps_time_t now);
