/* SPDX-License-Identifier: MIT */
/*
 * Failure detection of one subflow: bytes in flight and no TCP acknowledgment for longer than the
 * path's round trips explain, or a retransmission timeout, or a PING without an answer. A stale
 * subflow gets nothing new while another one works, and is used again as soon as it progresses.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "subflow.h"
#include "core/base/time.h"

#define MPS_STALE_SILENT   (250 * MPS_MSEC) /* stale for so long: a join looks for the path */
#define MPS_STALE_HOPELESS (1 * MPS_SEC)    /* stale for so long: closed if another works */

struct mps_stale {
    bool stale;
    mps_time_t since;       /* of `stale` */
    mps_time_t check_at;    /* fresh metrics are wanted then, MPS_NEVER: not */
    uint64_t acked;         /* by TCP, when last looked at */
    mps_time_t progress_at; /* last time it grew, or nothing was in flight */
    mps_time_t heard_at;    /* last bytes of the peer, or the beginning */
    mps_time_t asked_at;    /* PING sent then and nothing heard since, 0: not asked */
    bool doubted;           /* stale in any case until mps_stale_answered */
};

void mps_stale_init(struct mps_stale *s);

/* Bytes have come. */
void mps_stale_heard(struct mps_stale *s, mps_time_t now);

/* A PING goes out. */
void mps_stale_asked(struct mps_stale *s, const struct mps_metrics *m, mps_time_t now);

/*
 * The same, and there is reason to believe that the path is gone: stale at once, until the PONG
 * comes. Returns how long that may take.
 */
mps_time_t mps_stale_doubted(struct mps_stale *s, const struct mps_metrics *m, mps_time_t now);
void mps_stale_answered(struct mps_stale *s, mps_time_t now);

/* New metrics. True: the verdict changed. */
bool mps_stale_update(struct mps_stale *s, const struct mps_metrics *m, mps_time_t now);

/* The time check_at has passed without news; asks again a little later. */
void mps_stale_checked(struct mps_stale *s, const struct mps_metrics *m, mps_time_t now);

/* Stale for so long that a new one may be tried beside it. */
bool mps_stale_silent(const struct mps_stale *s, mps_time_t now);

/* Stale for so long that it should give way to a new one. */
bool mps_stale_hopeless(const struct mps_stale *s, mps_time_t now);
