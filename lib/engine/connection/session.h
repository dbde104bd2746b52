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

/* Everything is there (handed.h): its events are told from now on, and it runs soon. */
void mps_session_begin(struct mps_session *s);

/*
 * The bytes go over a multipath connection from now on, whose first socket is `fd`, which is taken
 * on success; `hello` is what the peer began with, NULL at a client. 0 or a negative code.
 */
int mps_session_carry_multipath(struct mps_session *s, int fd, const struct mps_opening *hello);

/* Ends both sides with a reset. */
void mps_session_free(struct mps_session *s);

/* Bounded work; frees the session when it is over. */
void mps_session_run(struct mps_session *s);

/* Run it soon; the second one is for who knows only a `void *`. */
void mps_session_wake(struct mps_session *s);
void mps_session_on_wake(void *user);

/* A JOIN that names this session; takes the descriptor. */
void mps_session_join(struct mps_session *s, int fd, const struct mps_opening *join);

/* The host's addresses or join ports are others now. */
void mps_session_addresses_changed(struct mps_session *s);

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
