/* SPDX-License-Identifier: MIT */
/*
 * What a connection records, one row each; mptcpshim-trace(5) has them all.
 *
 *     RECORD(NAME, member, "category:event", FIELDS)
 *
 * The type is MPS_TRACE_NAME, its values are in `member` of struct mps_trace_record (trace.h).
 * FIELDS:
 *
 *     FIELD(U64, member, name)      a number: bytes, or what the name ends in (_us: microseconds)
 *     FIELD(I64, member, name)      one that may be negative
 *     FIELD(FLAG, member, name)     true or false
 *     FIELD(NAME, member, name)     a static string
 *     FIELD(TOKEN, member, name)    the name of a connection on the wire
 *     FIELD(ADDR, member, name)     an address with port
 *
 * The rows are used by whoever defines RECORD and FIELD, so this file includes nothing.
 */
#pragma once

/* clang-format off */
#define MPS_TRACE_RECORDS(RECORD, FIELD)                                                           \
    RECORD(CONN_OPENED, conn_opened, "connection:opened",                                          \
           FIELD(NAME, conn_opened, role)                                                          \
           FIELD(NAME, conn_opened, scheduler))                                                    \
    RECORD(CONN_PHASE, conn_phase, "connection:phase_changed",                                     \
           FIELD(NAME, conn_phase, old)                                                            \
           FIELD(NAME, conn_phase, phase)                                                          \
           FIELD(TOKEN, conn_phase, peer_token))                                                   \
    RECORD(CONN_ENDED, conn_ended, "connection:ended",                                             \
           FIELD(NAME, conn_ended, how)                                                            \
           FIELD(NAME, conn_ended, reason)                                                         \
           FIELD(U64, conn_ended, sent)                                                            \
           FIELD(U64, conn_ended, acknowledged)                                                    \
           FIELD(U64, conn_ended, received)                                                        \
           FIELD(U64, conn_ended, repeated))                                                       \
    RECORD(SF_ADDED, sf_added, "subflow:added",                                                    \
           FIELD(ADDR, sf_added, local)                                                            \
           FIELD(ADDR, sf_added, remote)                                                           \
           FIELD(FLAG, sf_added, ours))                                                            \
    /* It carries data from now on. */                                                             \
    RECORD(SF_UP, sf_up, "subflow:up",                                                             \
           FIELD(ADDR, sf_up, local)                                                               \
           FIELD(ADDR, sf_up, remote)                                                              \
           FIELD(FLAG, sf_up, backup))                                                             \
    RECORD(SF_ENDED, sf_ended, "subflow:ended",                                                    \
           FIELD(NAME, sf_ended, reason)                                                           \
           FIELD(FLAG, sf_ended, reset)                                                            \
           FIELD(FLAG, sf_ended, was_up)                                                           \
           FIELD(U64, sf_ended, sent)                                                              \
           FIELD(U64, sf_ended, received)                                                          \
           FIELD(U64, sf_ended, repeated))                                                         \
    RECORD(SF_STALE, sf_stale, "subflow:stale",                                                    \
           FIELD(U64, sf_stale, in_flight)                                                         \
           FIELD(U64, sf_stale, ack_age_us)                                                        \
           FIELD(U64, sf_stale, timeouts))                                                         \
    RECORD(SF_ALIVE, sf_alive, "subflow:alive",                                                    \
           FIELD(U64, sf_alive, stale_us))                                                         \
    RECORD(SF_BACKUP, sf_backup, "subflow:backup_changed",                                         \
           FIELD(FLAG, sf_backup, ours)                                                            \
           FIELD(FLAG, sf_backup, peers))                                                          \
    /* A run of bytes was given to the subflow. */                                                 \
    RECORD(SENT, sent, "data:sent",                                                                \
           FIELD(U64, sent, dsn)                                                                   \
           FIELD(U64, sent, length)                                                                \
           FIELD(FLAG, sent, fin)                                                                  \
           FIELD(NAME, sent, cause))                                                               \
    RECORD(RECEIVED, received, "data:received",                                                    \
           FIELD(U64, received, dsn)                                                               \
           FIELD(U64, received, length)                                                            \
           FIELD(U64, received, fresh))                                                            \
    RECORD(ACKED, acked, "data:ack_received",                                                      \
           FIELD(U64, acked, data_ack)                                                             \
           FIELD(U64, acked, credit))                                                              \
    RECORD(ACK_SENT, ack_sent, "data:ack_sent",                                                    \
           FIELD(U64, ack_sent, data_ack)                                                          \
           FIELD(U64, ack_sent, credit))                                                           \
    /* Runs wait to be repeated. */                                                                \
    RECORD(REPEAT, repeat, "data:repeat_queued",                                                   \
           FIELD(NAME, repeat, cause)                                                              \
           FIELD(U64, repeat, runs)                                                                \
           FIELD(U64, repeat, length))                                                             \
    /* One for each candidate, before PICKED or WAITS: what the scheduler saw. */                  \
    RECORD(CANDIDATE, candidate, "scheduler:candidate",                                            \
           FIELD(U64, candidate, rtt_us)                                                           \
           FIELD(U64, candidate, window)                                                           \
           FIELD(U64, candidate, in_flight)                                                        \
           FIELD(U64, candidate, unsent)                                                           \
           FIELD(U64, candidate, queued)                                                           \
           FIELD(U64, candidate, room)                                                             \
           FIELD(U64, candidate, rate)                                                             \
           FIELD(U64, candidate, estimate_us)                                                      \
           FIELD(FLAG, candidate, backup)                                                          \
           FIELD(FLAG, candidate, carried))                                                        \
    RECORD(PICKED, picked, "scheduler:picked",                                                     \
           FIELD(FLAG, picked, repeat)                                                             \
           FIELD(U64, picked, waiting))                                                            \
    RECORD(WAITS, waits, "scheduler:waits",                                                        \
           FIELD(NAME, waits, why)                                                                 \
           FIELD(FLAG, waits, repeat)                                                              \
           FIELD(U64, waits, waiting))                                                             \
    RECORD(REST, rest, "fairness:rest_began",                                                      \
           FIELD(NAME, rest, why)                                                                  \
           FIELD(I64, rest, leader))                                                               \
    RECORD(REST_END, rest_end, "fairness:rest_ended",                                              \
           FIELD(U64, rest_end, rested_us))                                                        \
    RECORD(EXPERIMENT, experiment, "fairness:experiment_began",                                    \
           FIELD(NAME, experiment, kind)                                                           \
           FIELD(U64, experiment, settle_us)                                                       \
           FIELD(U64, experiment, window_us))                                                      \
    /* One for each subflow that took part, before VERDICT. */                                     \
    RECORD(MEASURED, measured, "fairness:measured",                                                \
           FIELD(U64, measured, before)                                                            \
           FIELD(U64, measured, during)                                                            \
           FIELD(U64, measured, after)                                                             \
           FIELD(U64, measured, rtt_before_us)                                                     \
           FIELD(U64, measured, rtt_during_us)                                                     \
           FIELD(U64, measured, rtt_after_us)                                                      \
           FIELD(U64, measured, gain))                                                             \
    RECORD(VERDICT, verdict, "fairness:experiment_ended",                                          \
           FIELD(NAME, verdict, verdict)                                                           \
           FIELD(I64, verdict, points)                                                             \
           FIELD(U64, verdict, before_us)                                                          \
           FIELD(U64, verdict, during_us)                                                          \
           FIELD(U64, verdict, after_us))                                                          \
    RECORD(CTRL_SENT, ctrl_sent, "control:sent",                                                   \
           FIELD(NAME, ctrl_sent, frame)                                                           \
           FIELD(U64, ctrl_sent, csn))                                                             \
    RECORD(CTRL_RECEIVED, ctrl_received, "control:received",                                       \
           FIELD(NAME, ctrl_received, frame)                                                       \
           FIELD(U64, ctrl_received, csn))
/* clang-format on */
