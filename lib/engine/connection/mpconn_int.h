/* SPDX-License-Identifier: MIT */
/* A multipath connection's own state: mpconn.c makes and ends it, mppump.c runs it. */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include "appconn.h"
#include "bypass.h"
#include "core/base/list.h"
#include "engine/net/busypoll.h"
#include "mpconn.h"
#include "pacing.h"

struct mps_engine;
struct mps_sflow;

struct mps_mpconn {
    struct mps_appconn *ac;
    struct mps_engine *eng;
    struct mps_mpconn_owner owner;
    struct mps_conn *core;
    uint32_t token;
    struct mps_list flows; /* struct mps_sflow, oldest first */
    ev_timer timer;
    mps_time_t timer_at; /* MPS_NEVER: not running */
    struct mps_exchange exchange;
    struct mps_netaddr_entry *locals; /* with ports, as told to the core */
    unsigned n_locals;
    bool keep_unacked, keep_unsent; /* these stay in the program's end (app.h), */
    uint64_t keep_beyond;           /* the former as far as they are more (sndbuf.h) */
    struct mps_pacing pacing;
    struct mps_bypass bypass;
    bool established; /* the peer has answered HELLO */
    bool fin_done;    /* the application's FIN was passed on */
    bool closed;      /* its close or abort was passed on */
    bool resetting;   /* reset by the peer; the application has bytes to read before it sees it */
    bool small_joins; /* a subflow of large segments failed */
    bool listed;      /* the peer is known to be a shim: marks may get lost */
    bool starved;     /* no memory for bytes of the application; they wait */
    bool plain, over; /* verdicts that wait for the end of the run */
    enum mps_reason plain_reason;
    mps_time_t since; /* of the connection */
};

/*
 * The socket of a subflow from `local` over `ifindex` (0: unknown), watched. Takes `fd` on success.
 * NULL: no memory.
 */
struct mps_sflow *mps_mpconn_add_flow(struct mps_mpconn *mp, struct mps_subflow *sf, int fd,
                                      bool connecting, const struct mps_addr *local,
                                      uint32_t ifindex);
