/* SPDX-License-Identifier: MIT */
/* One subflow's socket: its watcher, its measurements, its transfers to and from the core. */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include "engine/net/connector.h"
#include "core/base/list.h"
#include "core/base/mem.h"
#include "core/subflow/subflow.h"
#include "core/base/time.h"
#include "lookout.h"
#include "engine/paths/netaddr.h"
#include "pacing.h"

struct mps_bypass;

struct mps_sflow {
    struct mps_list link;
    const struct mps_mem *mem; /* of the connection */
    struct ev_loop *loop;
    struct mps_subflow *sf;
    int fd;
    ev_io io;
    bool connecting;
    bool unmarked;                  /* ended because no agent answered, */
    bool met_program;               /* but the program that the peer serves */
    bool claim;                     /* it took a token (joins/claimants.h) */
    bool needs_mark;                /* in the SYN-ACK, or nothing is sent */
    bool large;                     /* its SYN had the mark for a large MTU */
    struct mps_connector_path path; /* of a join, for a second try with the small mark */
    const struct mps_sockopts *opts;
    bool dead;            /* the pipe ended; waits for MPS_EV_SUBFLOW_CLOSE */
    bool peer_eof;        /* the peer's FIN was read */
    mps_time_t timers_at; /* when the socket gets the timers of a subflow; MPS_NEVER: it has them */
    struct mps_lookout lookout;
    bool blocked;          /* the socket took less than there was */
    bool woke_for_nothing; /* was writable, and yet nothing was written */
    bool wrote;            /* since it was last found writable */
    bool starved;          /* short of memory: nothing is tried until the owner says so */
    bool unwatched;        /* the loop could not watch the socket */
    int error;             /* errno of the socket's end, 0: none */
    char ifname[MPS_NETADDR_IFNAME];
    struct mps_pacing_part pacing;
    uint32_t notsent_limit;    /* of the socket; 0: not set yet */
    struct mps_bypass *bypass; /* of the connection */
    void (*wake)(void *user);
    void *user;
};

/*
 * A subflow on `fd`, which is taken on success. `wake` is called with `user` whenever the core has
 * got something to do. NULL: no memory.
 */
struct mps_sflow *mps_sflow_new(const struct mps_mem *mem, struct ev_loop *loop,
                                struct mps_subflow *sf, int fd, bool connecting,
                                void (*wake)(void *user), void *user);

/* Stops watching and frees; the descriptor is the caller's (-1 if it was taken before). */
int mps_sflow_free(struct mps_sflow *f);

/* Refresh the core's measurements if that is due (lookout.h), in any case with `force`. */
void mps_sflow_measure(struct mps_sflow *f, bool force, mps_time_t now);

/* Write what the core offers; true if any byte went. */
bool mps_sflow_write(struct mps_sflow *f, mps_time_t now);

/* Watch for what is needed now; call after each run. */
void mps_sflow_arm(struct mps_sflow *f);
