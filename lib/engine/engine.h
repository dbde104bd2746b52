/* SPDX-License-Identifier: MIT */
/*
 * What the engine's modules share: the loop, the core's environment and the sessions, and the
 * order of work. Callbacks of the loop only read and mark sessions; after all of them each
 * marked session runs once, with bounded work, and is freed there if it is over.
 */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include "app.h"
#include "config/options.h"
#include "config/policy.h"
#include "core/conn.h"
#include "core/list.h"
#include "core/token.h"
#include "greeter.h"
#include "joinlis.h"
#include "linger.h"
#include "monitor.h"
#include "netaddr.h"
#include "pathctl.h"
#include "peers.h"
#include "steer.h"

#define MPS_AGENT_ID_LEN 16

struct mps_session;

struct mps_engine {
    struct ev_loop *loop;
    struct mps_env env;
    uint8_t scratch[MPS_SCRATCH]; /* of env */
    struct mps_options options;
    const struct mps_policy *policy; /* of the files; never NULL */
    struct mps_pathctl pathctl;      /* what was changed since */
    char agent_id[MPS_AGENT_ID_LEN + 1];

    struct mps_list sessions, marked; /* struct mps_session */
    unsigned n_sessions;
    uint64_t next_id;
    struct mps_token_table tokens; /* of multipath sessions */
    ev_check check;                /* runs the marked sessions */
    ev_idle more;                  /* keeps the loop from sleeping while some are left */

    struct mps_appwatch appwatch;
    struct mps_peers peers;
    struct mps_netaddr netaddr;
    struct mps_greeter greeter;
    struct mps_linger linger;
    struct mps_steer steer;
    struct mps_joinlis joinlis;
    struct mps_monitors monitors;
};

/* 0, MPS_ESYS, MPS_ECRYPTO. Nothing is left behind on failure. */
int mps_engine_init(struct mps_engine *eng, struct ev_loop *loop, const char *agent_id,
                    const struct mps_options *options);
void mps_engine_deinit(struct mps_engine *eng);

/* Nothing to stay for: no session, watched listener or half-closed socket. */
bool mps_engine_is_idle(const struct mps_engine *eng);

/* Run the session soon. */
void mps_engine_mark(struct mps_engine *eng, struct mps_session *s);

/*
 * Port at which a join for local address `addr` reaches us; addr->port is the port of the
 * application's listener. 0: none.
 */
uint16_t mps_engine_join_port(struct mps_engine *eng, const struct mps_addr *addr);
