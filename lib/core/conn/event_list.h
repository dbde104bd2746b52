/* SPDX-License-Identifier: MIT */
/*
 * What a connection tells its host, one row each: EVENT(TYPE, NAME, ABOUT).
 *
 * The type is MPS_EV_TYPE of conn.h, where struct mps_event has what goes with it. Under NAME the
 * agent's monitors learn of it, NULL: not at all; mptcpshim(1) has an entry for each in EVENTS.
 * ABOUT says which members the monitors get (show/events.h): CONNECTION, SUBFLOW or ADDRESS;
 * NOTHING for what they are not told.
 *
 * The rows are used by whoever defines EVENT, so this file includes nothing.
 */
#pragma once

/* clang-format off */
#define MPS_EVENTS(EVENT)                                                                          \
    /* Both keys are known. */                                                                     \
    EVENT(ESTABLISHED, "established", CONNECTION)                                                  \
    /* Client: the peer does not answer as a shim; reconnect plain, replay.                        \
     * `reason`: PROTOCOL, VERSION: it said something else; TIMEOUT: nothing;                      \
     * ADDRESS_GONE: our own address is gone;                                                      \
     * MIDDLEBOX: HELLO did not arrive there, or its answer here (answer.h);                       \
     * UNSPECIFIED: it ended the connection, as a shim does that cannot take it. */                \
    EVENT(PLAIN, NULL, NOTHING)                                                                    \
    /* Client: a peer that got early data with HELLO does not answer in time. It is still waited   \
     * for, but others had better not rely on it. */                                               \
    EVENT(UNANSWERED, NULL, NOTHING)                                                               \
    /* Connect a socket for `subflow` from `local`/`ifindex` to `remote`. */                       \
    EVENT(OPEN, NULL, NOTHING)                                                                     \
    /* The subflow carries data now. */                                                            \
    EVENT(SUBFLOW_UP, "subflow_established", SUBFLOW)                                              \
    /* Close its socket (`reset`: with RST), then mps_subflow_release. Monitors are told           \
     * "subflow_failed" if SUBFLOW_UP did not come before. */                                      \
    EVENT(SUBFLOW_CLOSE, "subflow_closed", SUBFLOW)                                                \
    /* The peer announced `remote`. */                                                             \
    EVENT(ADDR_ANNOUNCED, "address_announced", ADDRESS)                                            \
    /* The peer withdrew `remote`. */                                                              \
    EVENT(ADDR_REMOVED, "address_removed", ADDRESS)                                                \
    /* The backup flag of `subflow` changed: the peer's, ours if `own`. */                         \
    EVENT(PRIORITY, "subflow_priority", SUBFLOW)                                                   \
    /* The application sees a reset (`reason` says why). */                                        \
    EVENT(RESET, NULL, NOTHING)                                                                    \
    /* All done; every subflow was reported closed; free the connection. */                        \
    EVENT(CLOSED, NULL, NOTHING)                                                                   \
    /* `subflow` makes no progress. */                                                             \
    EVENT(STALE, "subflow_stale", SUBFLOW)                                                         \
    /* It does again. */                                                                           \
    EVENT(RECOVERED, "subflow_recovered", SUBFLOW)                                                 \
    /* A box changed bytes between `local` and `remote`. */                                        \
    EVENT(REWRITTEN, NULL, NOTHING)                                                                \
    /* Frames came from `remote` to `local` that the peer has not sent. */                         \
    EVENT(FORGED, NULL, NOTHING)
/* clang-format on */
