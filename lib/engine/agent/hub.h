/* SPDX-License-Identifier: MIT */
/*
 * The hub has what an agent has once: the local addresses (netlink), what the user changes about
 * them, the listeners at which joins arrive and the connections that wait there, what is known of
 * peers, the monitors. Engines (engine.h) carry the connections, and see a part of all this, the
 * view (view.h).
 *
 * Threads. The hub and what is in it, the control socket included, belong to the thread of its
 * loop, the main one; peers.h, monitor.h and joinlis.h tell what of them others may use. With one
 * engine that is all: it runs on the same loop and no thread is made. With more, each has a thread
 * (worker.h) and the hub carries no data. It gives a new connection to the engine that has the
 * fewest, a JOIN and a request for one connection to the engine that the token or id names, and
 * news to all engines; all by calls through inboxes (inbox.h). It never waits for an engine, so
 * that a slow engine delays its own connections only.
 */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include "config/options.h"
#include "config/policy.h"
#include "engine.h"
#include "engine/joins/greeter.h"
#include "engine/joins/joinlis.h"
#include "engine/show/monitor.h"
#include "engine/paths/netaddr.h"
#include "peerfile.h"
#include "engine/joins/claimants.h"
#include "engine/paths/pathmem.h"
#include "peers.h"
#include "engine/show/plainwatch.h"
#include "engine/show/tracer.h"
#include "engine/joins/steer.h"
#include "engine/paths/view.h"
#include "worker.h"

struct mps_hub {
    struct ev_loop *loop;
    char agent_id[MPS_HO_ID_LEN + 1];
    struct mps_options options;
    struct mps_view view;
    struct mps_peers peers;
    struct mps_pathmem pathmem;
    struct mps_claimants claimants;
    struct mps_peerfile peerfile;
    struct mps_monitors monitors;
    struct mps_tracer tracer;
    struct mps_netaddr netaddr;
    struct mps_greeter greeter;
    struct mps_steer steer;
    struct mps_joinlis joinlis;
    struct mps_plainwatch plainwatch;
    struct mps_worker *workers;
    unsigned n_workers;        /* at most `count` */
    unsigned count;            /* what ids and tokens are taken modulo */
    unsigned last;             /* the worker that got the last connection */
    void (*leave)(void *user); /* MPS_HO_LEAVE came: set by the owner */
    void *user;
    unsigned stopped; /* 1 << enum mps_stop: stages that were begun */
    /* With several workers only: */
    struct mps_inbox inbox;
    struct mps_call watch_call; /* the join listener was opened */
    atomic_bool watch_asked;    /* that is on its way */
};

/*
 * `policy` is that of the files and stays the caller's; NULL: everything is allowed. There are as
 * many engines as the option threads= says, or fewer if threads cannot be had. 0, MPS_ESYS,
 * MPS_ENOMEM, MPS_ECRYPTO. Nothing is left behind on failure.
 */
int mps_hub_init(struct mps_hub *hub, struct ev_loop *loop, const char *agent_id,
                 const struct mps_options *options, const struct mps_policy *policy);
/*
 * The agent is to end; any stage implies the first one. The listeners leave their ports, so that
 * the next agent finds them free (except for a join port that nobody chose: paths may still come
 * back). Connections that are handed over from now on stay plain TCP. The agent may end when
 * mps_hub_is_idle.
 */
void mps_hub_retire(struct mps_hub *hub, enum mps_stop stage);

static inline bool mps_hub_retires(const struct mps_hub *hub)
{
    return hub->stopped != 0;
}

/* End the threads; calls that still wait have run then. Before mps_hub_deinit. */
void mps_hub_stop(struct mps_hub *hub);
void mps_hub_deinit(struct mps_hub *hub);

static inline bool mps_hub_has_threads(const struct mps_hub *hub)
{
    return hub->workers[0].threaded;
}

/*
 * mps_privileges_drop() in every thread: in the hub's at once, in the others before anything that
 * is given to them later. Once.
 */
void mps_hub_drop_privileges(struct mps_hub *hub, bool none);

/* The worker that gets a new connection. */
struct mps_worker *mps_hub_choose(struct mps_hub *hub);

/* The worker that has the connection of this id or token; NULL: none has. */
struct mps_worker *mps_hub_owner(const struct mps_hub *hub, uint64_t id_or_token);

/* Is there nothing to stay for: no session, watched listener or half-closed socket? */
bool mps_hub_is_idle(const struct mps_hub *hub);

/* A program's listener, as mps_steer_add. */
int mps_hub_listener(struct mps_hub *hub, int fd, pid_t pid, bool steer);

/* As mps_pathctl_command; all connections follow. */
const char *mps_hub_path_command(struct mps_hub *hub, char *text);
