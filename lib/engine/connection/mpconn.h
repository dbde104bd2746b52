/* SPDX-License-Identifier: MIT */
/*
 * The I/O of one multipath connection: moves bytes between the core, the application's end and
 * the subflows' sockets, and carries out the core's events.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/conn/conn.h"
#include "engine/paths/netaddr.h"

struct mps_appconn;
struct mps_mpconn;
struct mps_session;

/*
 * A subflow's part of an event of the core; NULL where the event is about no subflow with a socket.
 */
struct mps_mpconn_link {
    const char *ifname;
    int error; /* errno of the socket's end, 0: none */
};

/*
 * How news go up to the owner of a connection. Each function but `wake` is called by mps_mpconn_run
 * or mps_mpconn_set_locals, and must not free the connection or run it.
 */
struct mps_mpconn_owner {
    /* There may be something to do: run it. */
    void (*wake)(void *user);
    /* An event of the core, told before the connection obeys it. */
    void (*event)(void *user, const struct mps_event *ev, const struct mps_mpconn_link *link);
    /* A local address was announced to the peer, or is not used any more. */
    void (*local)(void *user, bool announced, const struct mps_addr *addr, const char *ifname);
    /* The program gave up, after a while in which the peer may not have answered. */
    void (*impatient)(void *user);
    void *user;
};

/*
 * The multipath connection of `ac` over the established socket `fd`, which is taken on success. Its
 * token is entered into the engine's table, for `s`. `hello`: what the peer sent (server), NULL:
 * client. `ac` outlives it.
 */
int mps_mpconn_new(struct mps_mpconn **ret, struct mps_session *s, struct mps_appconn *ac, int fd,
                   const struct mps_opening *hello, const struct mps_mpconn_owner *owner);

/* Closes the sockets with a reset, removes the token. NULL is fine. */
struct mps_mpconn *mps_mpconn_free(struct mps_mpconn *mp);

/* The first subflow's socket is given back and no longer used by us. */
int mps_mpconn_take_first(struct mps_mpconn *mp);

enum mps_mpconn_verdict {
    MPS_MPCONN_GOES_ON,
    MPS_MPCONN_PLAIN,    /* client: the peer is no shim; reconnect plain */
    MPS_MPCONN_REFUSED,  /* the same, and it may be one that cannot take connections */
    MPS_MPCONN_UNHEARD,  /* the same, and it may be a shim behind a box that eats first bytes */
    MPS_MPCONN_HOMELESS, /* the same: our address is gone, which says nothing of the peer */
    MPS_MPCONN_OVER,
};

enum mps_mpconn_verdict mps_mpconn_run(struct mps_mpconn *mp, bool *ret_more);

/* The program's socket options hold for the connection as they are now. */
void mps_mpconn_obey(struct mps_mpconn *mp);

/* A peer's JOIN; takes the descriptor. */
void mps_mpconn_join(struct mps_mpconn *mp, int fd, const struct mps_opening *join);

/* The agent stops: as mps_conn_leave, or with `abort` both ends are reset. */
void mps_mpconn_stop(struct mps_mpconn *mp, bool abort);

/* The host's addresses are others now: is that of a connection without an answer still there? */
void mps_mpconn_check_address(struct mps_mpconn *mp);

/* The local addresses that may be used from now on. */
void mps_mpconn_set_locals(struct mps_mpconn *mp, const struct mps_netaddr_list *list);

struct mps_conn *mps_mpconn_core(const struct mps_mpconn *mp);
unsigned mps_mpconn_fds(const struct mps_mpconn *mp, int *fds, unsigned max);
