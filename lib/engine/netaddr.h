/* SPDX-License-Identifier: MIT */
/*
 * The host's usable addresses (rtnetlink by libmnl): interface up and running, address global and
 * neither tentative nor deprecated. Kept current by the kernel's notifications.
 */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/addr.h"

struct mnl_socket;
struct mps_options;

#define MPS_NETADDR_MAX 64

struct mps_netaddr_entry {
    struct mps_addr addr; /* port 0 */
    uint32_t ifindex;
    bool loopback;
};

struct mps_netaddr_list {
    struct mps_netaddr_entry entry[MPS_NETADDR_MAX];
    unsigned n;
};

/* What the kernel has now, loopback included. 0 or MPS_ESYS. */
int mps_netaddr_dump(struct mps_netaddr_list *ret);

/*
 * Those a connection to `peer` may use: not loopback; with the option local= exactly the ones it
 * lists, of the same loopback-ness as the peer. A loopback peer gets none without that option: a
 * second path over loopback is worth nothing. Nor are several IPv6 addresses of one interface
 * (temporary, stable, unique local): without the option it is `own`, that of the connection, or
 * the first.
 */
void mps_netaddr_select(const struct mps_netaddr_list *all, const struct mps_options *opt,
                        const struct mps_addr *own, const struct mps_addr *peer,
                        struct mps_netaddr_list *ret);

struct mps_netaddr {
    struct ev_loop *loop;
    struct mnl_socket *nl;
    ev_io io;
    ev_timer settle; /* a burst of notifications makes one dump */
    struct mps_netaddr_list now;
    void (*changed)(struct mps_netaddr *self);
    void *user;
};

/* Without notifications (no permission) the addresses of the start stay. 0 or MPS_ESYS. */
int mps_netaddr_init(struct mps_netaddr *self, struct ev_loop *loop,
                     void (*changed)(struct mps_netaddr *self), void *user);
void mps_netaddr_deinit(struct mps_netaddr *self);
