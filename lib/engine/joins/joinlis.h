/* SPDX-License-Identifier: MIT */
/*
 * The agent's own join listener, for joins that no steering listener can take. Made when first
 * needed, IPv6 and IPv4, on an ephemeral port or the first free one of the option join-port=.
 *
 * Any thread may open it, so that the first connection that needs it can tell its peer at once; the
 * rest is for the thread of `loop`.
 */
#pragma once
#include <pthread.h>
#include <stdint.h>
#include "engine/net/acceptor.h"
#include "config/options.h"

struct mps_joinlis {
    struct ev_loop *loop;
    struct mps_acceptor acceptor;
    pthread_mutex_t lock; /* of the three below */
    int fd;               /* open, and not watched yet; else -1 */
    uint16_t port;
    bool left;                                          /* is not opened any more */
    void (*accepted)(struct mps_joinlis *self, int fd); /* takes the descriptor */
    void *user;
};

void mps_joinlis_init(struct mps_joinlis *self, struct ev_loop *loop,
                      void (*accepted)(struct mps_joinlis *self, int fd), void *user);
/* Leave the port for good: there is none from now on. */
void mps_joinlis_leave(struct mps_joinlis *self);
void mps_joinlis_deinit(struct mps_joinlis *self);

/*
 * Its port. If it is not open yet: the first free one of `wanted`, or any if they are all taken or
 * none is wanted (first 0); 0 when there can be none. Any thread.
 */
uint16_t mps_joinlis_open(struct mps_joinlis *self, struct mps_ports wanted);

/* Take connections, once it is open. */
void mps_joinlis_watch(struct mps_joinlis *self);

/* Both. */
uint16_t mps_joinlis_port(struct mps_joinlis *self, struct mps_ports wanted);
