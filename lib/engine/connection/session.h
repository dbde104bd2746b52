/* SPDX-License-Identifier: MIT */
/*
 * One TCP connection as the application sees it: its end, and behind it either a multipath
 * connection or a plain relay (at first, on the accepting side, the relay that waits for HELLO).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "appconn.h"
#include "core/base/list.h"
#include "engine/agent/engine.h"
#include "engine/agent/runq.h"

struct mps_mpconn;
struct mps_relay;

struct mps_session {
    struct mps_list link; /* of the engine's sessions */
    struct mps_runnable runnable;
    struct mps_appconn ac;
    struct mps_mpconn *mp; /* exactly one of the two */
    struct mps_relay *relay;
    bool refused;     /* by the peer, as the one before: a new connection without a mark is made */
    bool established; /* the peer has answered HELLO */
    bool created, plain_told; /* events that were reported */
    size_t end_buffer;        /* SO_SNDBUF of the application's end, which who handed over sets */
};

struct mps_session_request {
    int fd;  /* established TCP socket, taken on success */
    int end; /* AF_UNIX stream, taken on success: the near end of what the application gets; a byte
                is unread in it (app.h) */
    pid_t pid;
    bool bound;          /* the program had bound it to an address, or its listener */
    const char *options; /* words key=value */
    size_t options_len;
};

/* Positive result of mps_session_connected: known to be plain, or better left so. */
#define MPS_SESSION_PLAIN_PEER 1

/*
 * A connection that was handed over. No byte moves before the loop goes on, so that after a failed
 * reply mps_session_discard can still undo everything. 0 or a negative code; the descriptors are
 * then untouched.
 */
int mps_session_connected(struct mps_engine *eng, const struct mps_session_request *req,
                          struct mps_session **ret);
int mps_session_accepted(struct mps_engine *eng, const struct mps_session_request *req,
                         struct mps_session **ret);

/* Forget it: our descriptor of the TCP connection is closed, the connection itself untouched. */
void mps_session_discard(struct mps_session *s);

/* Ends both sides with a reset. */
void mps_session_free(struct mps_session *s);

/* Bounded work; frees the session when it is over. */
void mps_session_run(struct mps_session *s);

/* Run it soon. */
void mps_session_wake(struct mps_session *s);

/* A JOIN that names this session; takes the descriptor. */
void mps_session_join(struct mps_session *s, int fd, const struct mps_opening *join);

/* The host's addresses or join ports are others now. */
void mps_session_addresses_changed(struct mps_session *s);

/* Options of its own; nothing follows from that here. 0 or MPS_ENOMEM. */
int mps_session_set_options(struct mps_session *s, const struct mps_options *options);

/* `sockopts` has other values now. */
void mps_session_options_changed(struct mps_session *s);

/* It is plain TCP, and stays that. */
bool mps_session_is_plain(const struct mps_session *s);

/*
 * Its events are told over `fd` (show/watcher.h), what holds already first; taken on success. 0,
 * MPS_EINVAL, MPS_ELIMIT, MPS_ENOMEM.
 */
int mps_session_watch(struct mps_session *s, int fd);

void mps_session_route_changed(struct mps_session *s, const struct mps_route *route);

/* The agent stops (engine.h): may free the session. */
void mps_session_stop(struct mps_session *s, enum mps_stop stage);

struct mps_session *mps_session_find(struct mps_engine *eng, uint64_t id);

/* Its live TCP sockets, the oldest first, in fds[0..max); returns how many. */
unsigned mps_session_fds(const struct mps_session *s, int *fds, unsigned max);
