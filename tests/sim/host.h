/* SPDX-License-Identifier: MIT */
/*
 * One host of the simulation: the transport side of a connection's contract (conn.h), as an engine
 * would have it, with sockets of the simulated network and a simulated application.
 */
#pragma once
#include <stdio.h>
#include "app.h"
#include "core/conn/conn.h"
#include "core/base/err.h"
#include "faultmem.h"
#include "simcrypto.h"
#include "simnet.h"

#define HOST_MAX_SOCKS 256

struct world;

enum hsock_kind {
    HSOCK_FREE,
    HSOCK_OPENING, /* accepted; the first message has not come yet */
    HSOCK_SUBFLOW,
};

struct hsock {
    struct host *host;
    enum hsock_kind kind;
    struct simsock *sock;
    struct mps_subflow *sf;
    bool down_told;
};

struct host {
    struct world *world;
    unsigned number; /* 0: client, 1: server */
    struct faultmem fm;
    struct prng rng;
    struct mps_crypto crypto;
    struct mps_env env;
    struct mps_config cfg;
    struct mps_conn *conn;
    struct app app;
    struct hsock socks[HOST_MAX_SOCKS];
    unsigned n_socks;
    mps_time_t timer_at; /* of the event under way, MPS_NEVER: none */
    bool bypass;         /* payloads go around the core where they may, if `around` says so */
    struct prng around;
    size_t rx_max; /* bytes read from a socket at once, at most */

    /* What happened. */
    bool connected, established, plain, reset, ended;
    enum mps_reason reset_reason;
    unsigned n_up, n_opened, n_announced, n_refused_joins;
    mps_time_t stale_at; /* a subflow was found silent for the first time, 0: none */
    mps_time_t ended_at, last_read_at, longest_stall;
    uint64_t max_rcv, peak_mem;
    uint64_t reinjected;
};

void host_init(struct host *host, struct world *world, unsigned number, uint64_t seed);
void host_deinit(struct host *host);

/* Listen on every link, as far as the server does. */
void host_listen(struct host *host, unsigned link);

/* Client: make the connection and its first TCP connection over this link. */
void host_start(struct host *host, unsigned link);
void host_connect_first(struct host *host, unsigned link);

/* Path manager input: the address on the link comes or goes. */
void host_add_addr(struct host *host, unsigned link, bool announce, bool backup);
void host_remove_addr(struct host *host, unsigned link);

/* What we send: the share of the address on the link, and which scheduler. */
void host_set_weight(struct host *host, unsigned link, unsigned weight);
void host_set_scheduler(struct host *host, const struct mps_sched_ops *sched);

/* Do everything that can be done at this moment. */
void host_service(struct host *host);

void host_dump(const struct host *host, FILE *out);
