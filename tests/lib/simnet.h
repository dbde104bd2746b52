/* SPDX-License-Identifier: MIT */
/*
 * The simulated network: links between host 0 and host 1, and who listens where. Host h has the
 * address 10.L.0.(h + 1) on link L. From one link's address to another link's address packets
 * vanish, or go over the sender's link if the network is routed.
 */
#pragma once
#include "core/base/addr.h"
#include "evq.h"
#include "prng.h"
#include "simlink.h"
#include "simtcp.h"

#define SIMNET_MAX_LINKS  4
#define SIMNET_MAX_LISTEN 8
#define SIMNET_PORT       80

struct simnet_listener {
    struct mps_addr addr;
    bool (*accept)(void *user, struct simsock *sock);
    void *user;
};

/* One TCP connection with the addresses its sockets know. */
struct simnet_conn {
    struct simnet_conn *next;
    struct simtcp *tcp;
    struct mps_addr addr[2]; /* of the connecting and of the accepting socket */
};

struct simnet {
    struct evq q;
    struct prng rng;
    struct simlink links[SIMNET_MAX_LINKS];
    unsigned carrier[SIMNET_MAX_LINKS]; /* the link that carries the traffic of link i */
    struct simlink nowhere;
    unsigned n_links;
    bool routed;
    /*
     * Slow start ends, and a timeout is taken back, as in Linux: where rates change by the second
     * and outages lose nothing, that is most of what TCP reaches. Elsewhere both are simpler: the
     * scenarios' figures are from that.
     */
    bool as_linux;
    struct simnet_listener listeners[SIMNET_MAX_LISTEN];
    unsigned n_listeners;
    struct simnet_conn *conns;
    uint16_t next_port;
};

void simnet_init(struct simnet *net, uint64_t seed);
void simnet_deinit(struct simnet *net);

/* Returns the link's number. */
unsigned simnet_add_link(struct simnet *net, const struct simlink_params *params);

/* Connections between the addresses of `link` run over link `with` from now on. */
void simnet_share(struct simnet *net, unsigned link, unsigned with);

/* Connections between the addresses of `link` lose so many of a million packets from now on. */
void simnet_spoil(struct simnet *net, unsigned link, unsigned loss_ppm);

struct mps_addr simnet_addr(unsigned link, unsigned host, uint16_t port);

void simnet_listen(struct simnet *net, const struct mps_addr *addr,
                   bool (*accept)(void *user, struct simsock *sock), void *user);

/* Port 0 in `local`: chosen. */
struct simsock *simnet_connect(struct simnet *net, const struct mps_addr *local,
                               const struct mps_addr *remote, const struct simsock_ops *ops,
                               void *user);

void simnet_names(const struct simnet *net, const struct simsock *sock, struct mps_addr *ret_local,
                  struct mps_addr *ret_remote);

/* RST from outside on every connection that runs over the link, to both ends. */
void simnet_reset_link(struct simnet *net, unsigned link);
