/* SPDX-License-Identifier: MIT */
/*
 * The metrics of `mptcpshim status --openmetrics` and `--prometheus`, in the order in which they
 * are printed, one row each:
 *
 *     METRIC(of, type, name, unit, value, help)
 *
 * mptcpshim(1), METRICS, has an entry for each. of: what there is a sample for, with its labels
 * (metrics.c). type: COUNTER, whose samples have "_total" behind their name, or GAUGE. unit: the
 * end of the name, "" for none. value: an expression of `c`, `p`, `a` or `n`, whichever there is;
 * NAN: no sample. help: ends in no period.
 */
#pragma once

/* clang-format off */
#define MPS_METRICS(METRIC)                                                                        \
    METRIC(ANSWERS, GAUGE, agents, "", n, "Agents, by whether they answer")                        \
    METRIC(MODES, GAUGE, connections, "", n, "Connections that agents carry now")                  \
    METRIC(COUNTS, COUNTER, plain_connections, "", n,                                              \
           "Connections that stayed plain TCP outside of the agent, by reason")                    \
    METRIC(MEMORY, GAUGE, memory_used_bytes, "bytes", a->used,                                     \
           "Memory that an agent uses for its connections")                                        \
    METRIC(MEMORY, GAUGE, memory_promised_bytes, "bytes", a->promised,                             \
           "Memory that the peers of an agent may still fill")                                     \
    METRIC(MEMORY, GAUGE, memory_limit_bytes, "bytes", a->limit,                                   \
           "Memory that an agent may use")                                                         \
    METRIC(MEMORY, COUNTER, memory_refusals, "", a->refused,                                       \
           "Connections that were left plain TCP for lack of memory")                              \
    METRIC(AGENT, GAUGE, addresses_unused, "", a->left_out,                                        \
           "Addresses of this host that an agent has no place for")                                \
    METRIC(ABOUT, GAUGE, connection_info, "", 1, "A connection, with what does not change often")  \
    METRIC(CONN, GAUGE, connection_age_seconds, "seconds", c->age_us / 1e6,                        \
           "Time since the program handed the connection over")                                    \
    METRIC(CONN, COUNTER, connection_sent_bytes, "bytes", c->bytes[MPS_OUT],                       \
           "Bytes of the program that were sent, each counted once")                               \
    METRIC(CONN, COUNTER, connection_received_bytes, "bytes", c->bytes[MPS_IN],                    \
           "Bytes for the program that were received, each counted once")                          \
    METRIC(CONN, COUNTER, connection_reinjected_bytes, "bytes", c->reinjected,                     \
           "Bytes that were sent again on another subflow")                                        \
    METRIC(CONN, GAUGE, connection_memory_bytes, "bytes", c->memory,                               \
           "Memory that the agent uses for the connection")                                        \
    METRIC(CONN, GAUGE, connection_patience_seconds, "seconds",                                    \
           c->waits ? c->reset_in_us / 1e6 : NAN,                                                  \
           "While no subflow works: time until the connection is reset")                           \
    METRIC(PATH, COUNTER, path_sent_bytes, "bytes", p->bytes[MPS_OUT],                             \
           "Bytes that a path has carried, repetitions included")                                  \
    METRIC(PATH, COUNTER, path_received_bytes, "bytes", p->bytes[MPS_IN],                          \
           "Bytes that came by a path, repetitions included")                                      \
    METRIC(PATH, COUNTER, path_reinjected_bytes, "bytes", p->reinjected,                           \
           "Of the bytes sent: repetitions of what another path carried")                          \
    METRIC(PATH, GAUGE, path_subflows, "", p->count, "Subflows that a path has now")               \
    METRIC(PATH, GAUGE, path_rtt_seconds, "seconds", p->rtt_us > 0 ? p->rtt_us / 1e6 : NAN,        \
           "Round-trip time that TCP has measured on a path")                                      \
    METRIC(SUBFLOW, GAUGE, subflow_working, "",                                                    \
           strcmp(p->state, "stale") != 0 && mps_seen_active(p),                                   \
           "Whether a subflow is established and makes progress")                                  \
    METRIC(SUBFLOW, COUNTER, subflow_segments, "", p->segments,                                    \
           "TCP segments with data that a subflow has sent")                                       \
    METRIC(SUBFLOW, COUNTER, subflow_repeated_segments, "", p->repeated,                           \
           "Of these: segments that TCP has sent again")
/* clang-format on */
