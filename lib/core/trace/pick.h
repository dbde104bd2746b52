/* SPDX-License-Identifier: MIT */
/* Records of what the scheduler saw, and did. */
#pragma once
#include "core/conn/state.h"

/* Why nothing is sent, while there is something. */
enum mps_waits {
    MPS_WAITS_NOT,
    MPS_WAITS_NO_SUBFLOW, /* none works */
    MPS_WAITS_NO_CREDIT,  /* the peer lets no more be sent */
    MPS_WAITS_NO_ROOM,    /* all sockets are full */
    MPS_WAITS_BETTER,     /* one with room would bring it later than another one that is full */
    MPS_WAITS_NO_MEMORY,
};

/*
 * Candidate i was picked, of n, for a run that was sent before or for new data. Only with a trace.
 */
void mps_trace_picked(struct mps_conn *c, struct mps_subflow *const sf[],
                      const struct mps_sched_path path[], unsigned n, unsigned i, bool repeat,
                      uint64_t waiting);

/* None was. Said once, until one is picked. Only with a trace. */
void mps_trace_waits(struct mps_conn *c, struct mps_subflow *const sf[],
                     const struct mps_sched_path path[], unsigned n, enum mps_waits why,
                     bool repeat, uint64_t waiting);
