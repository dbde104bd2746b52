/* SPDX-License-Identifier: MIT */
/*
 * An engine carries connections: it has a loop, the core's environment and the sessions, and sets
 * the order of work. Callbacks of the loop only read and wake sessions; after all of them each
 * session that was woken runs once, with bounded work, and is freed there if it is over (runq.h).
 * Things that an agent has once, whatever the number of its engines, are in hub.h.
 *
 * The parts of a connection know the data of this structure, not the functions: what happens to
 * them goes up to their session, and the functions here go down to the sessions.
 *
 * Threads. An agent has one engine or several, each with a thread of its own (worker.h); they share
 * only constants, what is known of peers and paths, the monitors and the join listener. An engine
 * and all that belongs to it (sessions, their connections, relays and sockets) is used by the
 * thread of its loop only: that is true of every module here whose header says nothing else. A
 * connection stays with its engine for its life. Its id and its token are `index` modulo `count`,
 * so that either of them tells the engine, without a shared table.
 */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include "engine/connection/app.h"
#include "engine/net/busypoll.h"
#include "engine/net/pipe.h"
#include "engine/net/crypto_openssl.h"
#include "config/options.h"
#include "config/policy.h"
#include "core/conn/conn.h"
#include "core/base/list.h"
#include "core/conn/token.h"
#include "engine/connection/ends.h"
#include "engine/net/linger.h"
#include "engine/paths/held.h"
#include "memory.h"
#include "engine/show/monitor.h"
#include "engine/joins/claimants.h"
#include "engine/paths/pathmem.h"
#include "peers.h"
#include "runq.h"
#include "engine/paths/view.h"
#include "handover/names.h"

struct mps_session;

/* What an engine is given. All of it outlives the engine. */
struct mps_engine_setup {
    unsigned index, count; /* of the agent's engines */
    const char *agent_id;
    uint64_t memory_of_agent; /* bytes, without connections */
    const struct mps_options *options;
    const struct mps_policy *policy; /* of the files */
    const struct mps_view *view;     /* changes only in the engine's own thread */
    struct mps_peers *peers;
    struct mps_pathmem *pathmem;
    struct mps_claimants *claimants;
    struct mps_monitors *monitors;
    const struct mps_trace *trace; /* NULL: none is written */
    /* Joins need a listener of ours: its port, 0 if it cannot be had. In the engine's thread. */
    uint16_t (*open_join_port)(void *user);
    void *user;
};

struct mps_engine {
    struct ev_loop *loop;
    unsigned index, count;
    struct mps_env env;
    struct mps_memory memory; /* of env */
    struct mps_openssl ssl;   /* of env */
    ev_timer share_timer;     /* active: the next key share is made then */
    struct mps_rxmem rxmem;   /* of env */
    struct mps_options options;
    const struct mps_policy *policy;
    const struct mps_view *view;
    struct mps_peers *peers;
    struct mps_pathmem *pathmem;
    struct mps_claimants *claimants;
    struct mps_monitors *monitors;
    uint16_t (*open_join_port)(void *user);
    void *user;
    char agent_id[MPS_HO_ID_LEN + 1];

    struct mps_list sessions; /* struct mps_session */
    unsigned n_sessions;
    uint64_t next_id; /* of a session; unique among all engines of the agent, in steps of `count` */
    struct mps_token_table tokens; /* of multipath sessions */
    struct mps_ends ends;          /* of sessions that are over, or reset */
    struct mps_runq runq;          /* sessions */
    bool retiring;                 /* mps_engine_stop */

    struct mps_appwatch appwatch;
    struct mps_linger linger;
    struct mps_held held;
    struct mps_busypoll busypoll;
    struct mps_pipe pipe; /* of payloads (connection/bypass.h) */
};

/* 0, MPS_ESYS, MPS_ECRYPTO. Nothing is left behind on failure. */
int mps_engine_init(struct mps_engine *eng, struct ev_loop *loop,
                    const struct mps_engine_setup *setup);
void mps_engine_deinit(struct mps_engine *eng);

/* Is there nothing to stay for: no session, no half-closed socket? */
bool mps_engine_is_idle(const struct mps_engine *eng);

/* How an agent stops; each stage follows from hub.h. */
enum mps_stop {
    MPS_STOP_RETIRE, /* nothing new; a connection ends as soon as its program's end is delivered */
    MPS_STOP_DESERT, /* the programs are as good as gone: what they wrote is delivered */
    MPS_STOP_ABORT,  /* what is left is reset, at both ends */
};
void mps_engine_stop(struct mps_engine *eng, enum mps_stop stage);

/* A JOIN that arrived, wherever; takes the descriptor. */
void mps_engine_join(struct mps_engine *eng, int fd, const struct mps_opening *join);

/* The view has changed in a way that the sessions have to know. */
void mps_engine_view_changed(struct mps_engine *eng);

void mps_engine_route_changed(struct mps_engine *eng, const struct mps_route *route);
