/* SPDX-License-Identifier: MIT */
/*
 * Steering listeners: a JOIN arrives at the address and port of an application's listener. The
 * kernel is made to give SYNs with the window of a join, or of one with large segments, to one of
 * two listeners of ours in the same SO_REUSEPORT group and all others to the application's, by a
 * classic BPF filter (SKF_NET_OFF) that names the index within the group: the application listened
 * first, so it is 0, ours are 1 and 2. An index out of range falls back to a socket that is there:
 * when we die nothing changes for the application. Either of our listeners takes any join (the
 * joining host looks at the mark of the answer). Nobody else gets into the group
 * (handover/share.h). Our listeners are closed as soon as the application's is gone, so that a
 * restart finds the port free.
 */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include "engine/net/acceptor.h"
#include "core/base/addr.h"
#include "core/base/list.h"
#include "holder.h"
#include "lswatch.h"

struct mps_steered {
    struct mps_addr addr; /* bound address; all zero bytes: any */
    bool v6_only;
    bool steered; /* joins for it reach us; else the program listens there, and we do not */
};

struct mps_steer_entry {
    struct mps_list link;
    struct mps_steer *steer;
    struct mps_lswatch_id id;
    struct mps_holder holder; /* not watched: whoever it was has ended, and left it to others */
    struct mps_steered where;
    struct mps_acceptor acceptor; /* fd -1: watched only, the port cannot be shared */
    struct mps_acceptor large;    /* of joins with large segments; fd -1: none */
};

struct mps_steer {
    struct ev_loop *loop;
    struct mps_list entries;
    unsigned n_entries;
    ev_timer timer; /* to the next look, while any listener is watched */
    void (*accepted)(struct mps_steer *self, int fd); /* takes the descriptor */
    void (*dropped)(struct mps_steer *self, uint16_t port);
    void *user;
};

void mps_steer_init(struct mps_steer *self, struct ev_loop *loop,
                    void (*accepted)(struct mps_steer *self, int fd),
                    void (*dropped)(struct mps_steer *self, uint16_t port), void *user);
/* Leave all ports and watch nothing; the owner is not told. */
void mps_steer_leave(struct mps_steer *self);
void mps_steer_deinit(struct mps_steer *self);

/*
 * Watch the listening socket `fd` (not kept) of process `pid` (0: unknown) and, with `steer`, take
 * the joins for its port. 0; MPS_ESYS if it is no listening TCP socket; MPS_ELIMIT, MPS_ENOMEM.
 * That the port cannot be shared is no error.
 */
int mps_steer_add(struct mps_steer *self, int fd, pid_t pid, bool steer);

/* Look at all listeners now; returns how many were gone. */
unsigned mps_steer_recheck(struct mps_steer *self);

/* Where programs listen. Returns how many; the list can be given to others. */
unsigned mps_steer_list(const struct mps_steer *self, struct mps_steered ret[MPS_LSWATCH_MAX]);

/* Would a join for this address and port reach us? */
bool mps_steered_cover(const struct mps_steered *list, unsigned n, const struct mps_addr *addr);

/*
 * Has the program that has a connection at `local` listened at that one address only, as far as we
 * know? Then no other address of the host is its.
 */
bool mps_steered_bound(const struct mps_steered *list, unsigned n, const struct mps_addr *local);
