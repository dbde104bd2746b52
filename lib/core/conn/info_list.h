/* SPDX-License-Identifier: MIT */
/*
 * What is told of a connection and of each of its subflows by numbers, one row each:
 *
 *     FIELD(KIND, name, value, library)
 *
 * From the row come the member of struct mps_conn_info or mps_subflow_info (conn.h), the member of
 * the JSON object under the same name, and its place in the library's structure. mptcpshim(1),
 * JSON, has an entry for each. KIND:
 *
 *     COUNTER  a member of the same name is in `count` of the connection or subflow, and is added to
 *              where it happens; `value` is empty
 *     U64, BOOL  `value` is worked out from `c` or `sf` (info.c)
 *     METRIC   `value` is a member of struct mps_metrics: what TCP measures
 *     METER    `value` is a struct mps_meter; told in bytes per second
 *     SUM      of the subflows' METER of that name; `value` is empty
 *
 * library: NUMBER(member) or NUMBER32(member) of struct mptcpshim_stats or mptcpshim_subflow,
 * FLAG(x) for MPTCPSHIM_SUBFLOW_x, or NONE.
 */
#pragma once

/* clang-format off */
#define MPS_CONN_FIELDS(FIELD)                                                                     \
    /* Application bytes, each counted once. */                                                    \
    FIELD(U64, bytes_sent, bytes_sent(c), NUMBER(bytes_sent))                                      \
    FIELD(U64, bytes_received, bytes_received(c), NUMBER(bytes_received))                          \
    /* Of bytes_sent: DATA_ACKed. */                                                               \
    FIELD(U64, bytes_acked, bytes_acked(c), NUMBER(bytes_acked))                                   \
    FIELD(COUNTER, bytes_reinjected, , NUMBER(bytes_reinjected))                                   \
    /* How far the peer lets us send. */                                                           \
    FIELD(U64, credit_left, mps_conn_credit_left(c), NUMBER(credit_left))                          \
    /* Taken from the application, not sent yet. */                                                \
    FIELD(U64, snd_queued, mps_conn_unsent(c) + mps_rtxq_aside(&c->tx.rtxq), NUMBER(snd_queued))   \
    /* Bytes in memory: in order, and behind a hole. */                                            \
    FIELD(U64, rcv_queued, mps_reasm_in_order(&c->rx.reasm), NUMBER(rcv_queued))                   \
    FIELD(U64, rcv_out_of_order, mps_reasm_out_of_order(&c->rx.reasm), NUMBER(rcv_out_of_order))   \
    FIELD(SUM, send_rate, , NUMBER(send_rate))                                                     \
    FIELD(SUM, receive_rate, , NUMBER(receive_rate))

#define MPS_SUBFLOW_FIELDS(FIELD)                                                                  \
    FIELD(BOOL, backup, mps_sf_is_backup(sf), FLAG(BACKUP))                                        \
    FIELD(BOOL, stale, sf->stale.stale, FLAG(STALE))                                               \
    /* Another one carries for both (couple.h). */                                                 \
    FIELD(BOOL, rests, sf->rests, FLAG(RESTS))                                                     \
    /* Application bytes carried, repetitions included. */                                         \
    FIELD(U64, bytes_sent, sf->bytes_sent, NUMBER(bytes_sent))                                     \
    FIELD(U64, bytes_received, sf->bytes_received, NUMBER(bytes_received))                         \
    /* Of bytes_sent: repetitions of what another carried. */                                      \
    FIELD(COUNTER, bytes_reinjected, , NUMBER(bytes_reinjected))                                   \
    FIELD(METRIC, rtt_us, srtt_us, NUMBER32(rtt_us))                                               \
    FIELD(METRIC, rttvar_us, rttvar_us, NUMBER32(rtt_var_us))                                      \
    FIELD(METRIC, min_rtt_us, min_rtt_us, NUMBER32(min_rtt_us))                                    \
    FIELD(METRIC, cwnd, cwnd, NUMBER(cwnd))                                                        \
    FIELD(METRIC, in_flight, in_flight, NUMBER(in_flight))                                         \
    FIELD(METRIC, notsent, notsent, NUMBER(notsent))                                               \
    FIELD(METRIC, rate, rate, NUMBER(rate))                                                        \
    /* With data; and how many of these TCP has sent again: what of the path's losses shows. */    \
    FIELD(METRIC, segments_sent, segments, NONE)                                                   \
    FIELD(METRIC, segments_repeated, repeats, NONE)                                                \
    FIELD(METRIC, mss, mss, NONE)                                                                  \
    FIELD(METRIC, mss_offered, mss_offered, NONE)                                                  \
    FIELD(METRIC, tcp_options, tcp_options, NONE)                                                  \
    FIELD(METER, send_rate, sf->sending, NUMBER(send_rate))                                        \
    FIELD(METER, receive_rate, sf->receiving, NUMBER(receive_rate))
/* clang-format on */

/* The counters alone, as members of a structure. */
#define MPS_COUNTER(kind, name, value, library) MPS_COUNTER_##kind(name)
#define MPS_COUNTER_COUNTER(name)               uint64_t name;
#define MPS_COUNTER_U64(name)
#define MPS_COUNTER_BOOL(name)
#define MPS_COUNTER_METRIC(name)
#define MPS_COUNTER_METER(name)
#define MPS_COUNTER_SUM(name)
