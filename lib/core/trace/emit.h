/* SPDX-License-Identifier: MIT */
/* How the parts of a connection record something. */
#pragma once
#include "core/conn/state.h"

/*
 * MPS_TRACE(c, sf, SENT, sent, .dsn = dsn, .length = n): the row of record_list.h with its member
 * and values; those that are not named are 0. `sf` NULL: about no subflow.
 */
#define MPS_TRACE(c, sf, name, member, ...)                                                        \
    do {                                                                                           \
        if ((c)->env.trace)                                                                        \
            mps_trace_emit(                                                                        \
                (c), (sf),                                                                         \
                &(struct mps_trace_record){.type = MPS_TRACE_##name, .member = {__VA_ARGS__}});    \
    } while (0)

/* Connection and subflow are filled in. */
void mps_trace_emit(const struct mps_conn *c, const struct mps_subflow *sf,
                    struct mps_trace_record *record);

/* The runs that wait to be repeated for this cause, of which this subflow is the latest. */
void mps_trace_queued(const struct mps_subflow *sf, enum mps_cause cause);

/* A frame of control bytes, or something else that is ignored, was given to the subflow. */
void mps_trace_control(const struct mps_subflow *sf, const uint8_t *bytes, size_t len);
const char *mps_trace_frame_name(enum mps_frame_type type);
