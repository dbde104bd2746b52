/* SPDX-License-Identifier: MIT */
/*
 * What an agent has once: the local addresses (netlink), what the user changes about them, the
 * listeners at which joins arrive and those who stand there, what is known of peers, the monitors.
 * The engine (engine.h) carries the connections and sees of all this a view (view.h).
 */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include "config/options.h"
#include "config/policy.h"
#include "engine.h"
#include "greeter.h"
#include "joinlis.h"
#include "monitor.h"
#include "netaddr.h"
#include "peers.h"
#include "steer.h"
#include "view.h"

struct mps_hub {
    struct ev_loop *loop;
    char agent_id[MPS_AGENT_ID_LEN + 1];
    struct mps_options options;
    struct mps_view view;
    struct mps_peers peers;
    struct mps_monitors monitors;
    struct mps_netaddr netaddr;
    struct mps_greeter greeter;
    struct mps_steer steer;
    struct mps_joinlis joinlis;
    struct mps_engine engine;
};

/*
 * `policy` is that of the files and stays the caller's; NULL: everything is allowed. 0, MPS_ESYS,
 * MPS_ECRYPTO. Nothing is left behind on failure.
 */
int mps_hub_init(struct mps_hub *hub, struct ev_loop *loop, const char *agent_id,
                 const struct mps_options *options, const struct mps_policy *policy);
void mps_hub_deinit(struct mps_hub *hub);

/* Nothing to stay for: no session, watched listener or half-closed socket. */
bool mps_hub_is_idle(const struct mps_hub *hub);

/* A program's listener, as mps_steer_add. */
int mps_hub_listener(struct mps_hub *hub, int fd, bool steer);

/* As mps_pathctl_command; all connections follow. */
const char *mps_hub_path_command(struct mps_hub *hub, char *text);
