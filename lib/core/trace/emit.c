/* SPDX-License-Identifier: MIT */
#include "emit.h"

void mps_trace_emit(const struct mps_conn *c, const struct mps_subflow *sf,
                    struct mps_trace_record *record)
{
    record->token = c->keys.token;
    record->subflow = sf ? sf->id : MPS_TRACE_NO_SUBFLOW;
    c->env.trace->record(c->env.trace->user, record);
}

const char *mps_cause_name(enum mps_cause cause)
{
    static const char *const names[] = {
        [MPS_CAUSE_NEW] = "new",     [MPS_CAUSE_LOST] = "lost",
        [MPS_CAUSE_STALE] = "stale", [MPS_CAUSE_REPAIR] = "repair",
        [MPS_CAUSE_LATE] = "late",   [MPS_CAUSE_OPPORTUNISM] = "opportunism",
        [MPS_CAUSE_TAIL] = "tail",   [MPS_CAUSE_EXPLORE] = "explore",
        [MPS_CAUSE_TIMER] = "timer", [MPS_CAUSE_REDUNDANT] = "redundant",
    };

    return names[cause];
}

#define FRAME_NAME(name, number, member, space, flags, fields)                                     \
    case MPS_FRAME_##name:                                                                         \
        return #name;

const char *mps_trace_frame_name(enum mps_frame_type type)
{
    switch ((unsigned)type) {
        MPS_CTRL_FRAMES(FRAME_NAME, MPS_TRACE_NO_FIELD)
    default:
        return "unknown";
    }
}

void mps_trace_control(const struct mps_subflow *sf, const uint8_t *bytes, size_t len)
{
    size_t head_len, need;
    struct mps_frame f;

    if (mps_frame_parse_head(bytes, len, &f, &head_len, &need) != 0 || f.skip ||
        f.type == MPS_FRAME_DSS)
        return;
    MPS_TRACE(sf->conn, sf, CTRL_SENT, ctrl_sent, .frame = mps_trace_frame_name(f.type),
              .csn = f.ctrl.csn);
}

void mps_trace_queued(const struct mps_subflow *sf, enum mps_cause cause)
{
    const struct mps_rtxq *q = &sf->conn->tx.rtxq;
    uint64_t runs = 0, length = 0;
    const struct mps_run *run;

    mps_list_for_each(run, &q->waiting, const struct mps_run, waiting) {
        if (run->cause == cause) {
            runs++;
            length += run->len;
        }
    }
    if (runs > 0)
        MPS_TRACE(sf->conn, sf, REPEAT, repeat, .cause = mps_cause_name(cause), .runs = runs,
                  .length = length);
}
