/* SPDX-License-Identifier: MIT */
/*
 * The trace of a connection: what it did and why, as records of plain values. struct mps_env says
 * who takes them; NULL, and a record costs the test of one pointer.
 *
 * Who takes them must not call the connection. A record has no time: the core has no clock, and who
 * takes it has one. Names are static strings.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/addr.h"
#include "record_list.h"

#define MPS_TRACE_TYPE(name, member, text, fields) MPS_TRACE_##name,
#define MPS_TRACE_NO_FIELD(type, record, name)
enum mps_trace_type { MPS_TRACE_RECORDS(MPS_TRACE_TYPE, MPS_TRACE_NO_FIELD) MPS_TRACE_N };

typedef uint64_t mps_trace_U64;
typedef int64_t mps_trace_I64;
typedef bool mps_trace_FLAG;
typedef const char *mps_trace_NAME;
typedef uint32_t mps_trace_TOKEN;
typedef struct mps_addr mps_trace_ADDR;

#define MPS_TRACE_NO_SUBFLOW UINT32_MAX

#define MPS_TRACE_VALUE(type, record, name) mps_trace_##type name;
#define MPS_TRACE_VALUES(name, member, text, fields)                                               \
    struct {                                                                                       \
        fields                                                                                     \
    } member;

struct mps_trace_record {
    enum mps_trace_type type;
    uint32_t token;   /* of the connection, ours */
    uint32_t subflow; /* its id, MPS_TRACE_NO_SUBFLOW: about none */
    union {
        MPS_TRACE_RECORDS(MPS_TRACE_VALUES, MPS_TRACE_VALUE)
    };
};

struct mps_trace {
    void (*record)(void *user, const struct mps_trace_record *record);
    void *user;
};

/* Why a run of bytes is sent on a subflow. */
enum mps_cause {
    MPS_CAUSE_NEW,         /* for the first time */
    MPS_CAUSE_LOST,        /* again: the subflow that carried it has ended */
    MPS_CAUSE_STALE,       /* it hangs */
    MPS_CAUSE_REPAIR,      /* it has losses, and another one is much faster (reinject.h) */
    MPS_CAUSE_LATE,        /* it takes far longer than was foreseen */
    MPS_CAUSE_OPPORTUNISM, /* the credit is used up, and an idle subflow would deliver sooner */
    MPS_CAUSE_TAIL,        /* the same, since nothing is left to send */
    MPS_CAUSE_EXPLORE,     /* a copy, to measure a path that was passed over */
    MPS_CAUSE_TIMER,       /* nobody acknowledged it for long, though TCP delivered it */
    MPS_CAUSE_REDUNDANT,   /* the scheduler sends everything on every path */
};

/* "new", "lost", ... */
const char *mps_cause_name(enum mps_cause cause);
