/* SPDX-License-Identifier: MIT */
/*
 * The host's usable addresses (rtnetlink by libmnl): interface up and running, address global and
 * neither tentative nor deprecated. Kept current by the kernel's notifications.
 */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/base/addr.h"
#include "core/conn/conn.h"

struct mnl_socket;
struct mps_options;

#define MPS_NETADDR_MAX    256 /* addresses; what is left out is counted, and told */
#define MPS_NETADDR_IFNAME 16  /* IF_NAMESIZE */
#define MPS_NETADDR_ROUTES 16

struct mps_netaddr_entry {
    struct mps_addr addr; /* port 0 */
    uint8_t prefix_len;   /* of the network that the interface is in; 0: not known */
    uint32_t ifindex;
    char ifname[MPS_NETADDR_IFNAME];
    bool loopback;
    bool tun;       /* a program is at its other end (holds.h) */
    bool secondary; /* another IPv4 address of a network that the interface is in already */
    bool alone;     /* an IPv4 address without a network: it goes where the others go */
    bool outside;   /* not of this host, but leads to it: announced to clients */
    bool backup;    /* this and the next as locals.h finds them, zero before */
    unsigned weight;
};

struct mps_netaddr_list {
    struct mps_netaddr_entry entry[MPS_NETADDR_MAX];
    unsigned n;
    unsigned left_out; /* addresses for which there was no place */
};

/*
 * What the kernel has now, loopback included. A dump that a change interrupted is made again, some
 * times. 0 or MPS_ESYS.
 */
int mps_netaddr_dump(struct mps_netaddr_list *ret);

/*
 * The addresses that a connection to `peer` may use: no loopback and no secondary ones. With the
 * option local= they are exactly those that it lists: loopback ones for a loopback peer, the others
 * for any other. Without that option a loopback peer gets none, since a second path over loopback
 * is worth nothing. Several IPv6 addresses of one interface (temporary, stable, unique local) are
 * worth no more than one either: without the option one is used, `own` if that is the connection's,
 * else the first. IPv4 addresses without a network (/32) that share an interface, with each other
 * or with an address that has a network, count as one in the same way.
 */
void mps_netaddr_select(const struct mps_netaddr_list *all, const struct mps_options *opt,
                        const struct mps_addr *own, const struct mps_addr *peer,
                        struct mps_netaddr_list *ret);

struct mps_netaddr;

struct mps_netaddr_ops {
    void (*addresses)(struct mps_netaddr *self); /* `now` is another list */
    void (*route)(struct mps_netaddr *self, const struct mps_route *route);
};

struct mps_netaddr {
    struct ev_loop *loop;
    struct mnl_socket *nl;
    ev_io io;
    ev_timer quiet; /* until a burst of notifications is over: it makes one dump */
    bool addresses_due;
    struct mps_route routes[MPS_NETADDR_ROUTES]; /* since the last look */
    unsigned n_routes;
    double any_route_at; /* when they were too many to be looked at one by one */
    struct mps_netaddr_list now;
    const struct mps_netaddr_ops *ops;
    void *user;
};

/* Without notifications (no permission) the addresses of the start stay. 0 or MPS_ESYS. */
int mps_netaddr_init(struct mps_netaddr *self, struct ev_loop *loop,
                     const struct mps_netaddr_ops *ops, void *user);
void mps_netaddr_deinit(struct mps_netaddr *self);

/*
 * Name of the interface. If `ifindex` is 0, it is the interface that has the address. "" if
 * unknown.
 */
const char *mps_netaddr_ifname(const struct mps_netaddr_list *all, uint32_t ifindex,
                               const struct mps_addr *addr);

/* One notification of the kernel, for tests; others come from the socket. */
void mps_netaddr_message(struct mps_netaddr *self, const void *buf, size_t len);
