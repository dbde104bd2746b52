/* SPDX-License-Identifier: MIT */
/*
 * What is told of a connection and of each of its subflows by numbers, one row each:
 *
 *     FIELD(KIND, name, value, library, text)
 *
 * From the row come the member of struct mps_conn_info or mps_subflow_info (conn.h), the member of
 * the JSON object under the same name, its place in the library's structure, and its words in the
 * text of `mptcpshim status`. mptcpshim(1), JSON, has an entry for each. KIND:
 *
 *     COUNTER  a member of the same name is in `count` of the connection or subflow, and is added to
 *              where it happens; `value` is empty
 *     U64, BOOL  `value` is worked out from `c` or `sf` (info.c)
 *     METRIC   `value` is a member of struct mps_metrics: what TCP measures
 *     METER    `value` is a struct mps_meter; told in bytes per second
 *     SUM      of the subflows' METER of that name; `value` is empty
 *
 * library: NUMBER(member) or NUMBER32(member) of struct mptcpshim_stats or mptcpshim_subflow,
 * FLAG(x) for MPTCPSHIM_SUBFLOW_x, or NONE. text: WORD for its name where it is true; AT(n, word,
 * FORMAT) for the n-th amount of the line, in BYTES, BITS (of bytes per second) or MS (of
 * microseconds); or NONE.
 */
#pragma once

/* clang-format off */
#define MPS_CONN_FIELDS(FIELD)                                                                     \
    /* Application bytes, each counted once. */                                                    \
    FIELD(U64, bytes_sent, bytes_sent(c), NUMBER(bytes_sent), AT(3, "sent", BYTES))                \
    FIELD(U64, bytes_received, bytes_received(c), NUMBER(bytes_received),                          \
          AT(4, "received", BYTES))                                                                \
    /* Of bytes_sent: DATA_ACKed. */                                                               \
    FIELD(U64, bytes_acked, bytes_acked(c), NUMBER(bytes_acked), NONE)                             \
    FIELD(COUNTER, bytes_reinjected, , NUMBER(bytes_reinjected), NONE)                             \
    /* How far the peer lets us send. */                                                           \
    FIELD(U64, credit_left, mps_conn_credit_left(c), NUMBER(credit_left), NONE)                    \
    /* Taken from the application, not sent yet. */                                                \
    FIELD(U64, snd_queued, mps_conn_unsent(c) + mps_rtxq_aside(&c->tx.rtxq), NUMBER(snd_queued),   \
          NONE)                                                                                    \
    /* Bytes in memory: in order, and behind a hole. */                                            \
    FIELD(U64, rcv_queued, mps_reasm_in_order(&c->rx.reasm), NUMBER(rcv_queued), NONE)             \
    FIELD(U64, rcv_out_of_order, mps_reasm_out_of_order(&c->rx.reasm), NUMBER(rcv_out_of_order),   \
          NONE)                                                                                    \
    FIELD(SUM, send_rate, , NUMBER(send_rate), AT(1, "sends", BITS))                               \
    FIELD(SUM, receive_rate, , NUMBER(receive_rate), AT(2, "receives", BITS))

#define MPS_SUBFLOW_FIELDS(FIELD)                                                                  \
    FIELD(BOOL, backup, mps_sf_is_backup(sf), FLAG(BACKUP), WORD)                                  \
    FIELD(BOOL, stale, sf->stale.stale, FLAG(STALE), WORD)                                         \
    /* Another one carries for both (couple.h). */                                                 \
    FIELD(BOOL, rests, sf->rests, FLAG(RESTS), WORD)                                               \
    /* Application bytes carried, repetitions included. */                                         \
    FIELD(U64, bytes_sent, sf->bytes_sent, NUMBER(bytes_sent), AT(4, "sent", BYTES))               \
    FIELD(U64, bytes_received, sf->bytes_received, NUMBER(bytes_received),                         \
          AT(5, "received", BYTES))                                                                \
    /* Of bytes_sent: repetitions of what another carried. */                                      \
    FIELD(COUNTER, bytes_reinjected, , NUMBER(bytes_reinjected), NONE)                             \
    FIELD(METRIC, rtt_us, srtt_us, NUMBER32(rtt_us), AT(1, "rtt", MS))                             \
    FIELD(METRIC, rttvar_us, rttvar_us, NUMBER32(rtt_var_us), NONE)                                \
    FIELD(METRIC, min_rtt_us, min_rtt_us, NUMBER32(min_rtt_us), NONE)                              \
    FIELD(METRIC, cwnd, cwnd, NUMBER(cwnd), NONE)                                                  \
    FIELD(METRIC, in_flight, in_flight, NUMBER(in_flight), NONE)                                   \
    FIELD(METRIC, notsent, notsent, NUMBER(notsent), NONE)                                         \
    FIELD(METRIC, rate, rate, NUMBER(rate), NONE)                                                  \
    FIELD(METER, send_rate, sf->sending, NUMBER(send_rate), AT(2, "sends", BITS))                  \
    FIELD(METER, receive_rate, sf->receiving, NUMBER(receive_rate), AT(3, "receives", BITS))
/* clang-format on */

/* The counters alone, as members of a structure. */
#define MPS_COUNTER(kind, name, value, library, text) MPS_COUNTER_##kind(name)
#define MPS_COUNTER_COUNTER(name)                     uint64_t name;
#define MPS_COUNTER_U64(name)
#define MPS_COUNTER_BOOL(name)
#define MPS_COUNTER_METRIC(name)
#define MPS_COUNTER_METER(name)
#define MPS_COUNTER_SUM(name)
