/* SPDX-License-Identifier: MIT */
/*
 * An engine and the thread that runs it; or, if the agent has only one, an engine on the hub's own
 * loop, without a thread. Apart from open_join_port() of the setup all functions are called in the
 * hub's thread, and nothing here waits for the worker except mps_worker_stop.
 */
#pragma once
#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "engine.h"
#include "inbox.h"

struct mps_worker {
    struct mps_engine engine;
    bool threaded; /* all that follows is for this only */
    bool running;
    pthread_t thread;
    struct ev_loop *loop;
    struct mps_inbox inbox;
    struct mps_call stop;
    struct mps_call drop;
    bool drop_all;
    struct mps_stop_call {
        struct mps_call call;
        struct mps_engine *eng;
        enum mps_stop stage;
    } stages[MPS_STOP_ABORT + 1];
    /* How much the engine has to do, as told when it has nothing to run. */
    ev_prepare tell;
    atomic_uint n_sessions;
    atomic_bool idle;
    /*
     * The engine's view, and the next one: of several views that come in a row the engine sees the
     * last.
     */
    struct mps_view view;
    struct mps_call look;
    pthread_mutex_t next_lock; /* of those below */
    struct mps_view next;
    bool next_posted, next_concerns;
};

/* In the hub's loop; the setup's view is read where it is. As mps_engine_init. */
int mps_worker_init(struct mps_worker *w, struct ev_loop *loop,
                    const struct mps_engine_setup *setup);

/*
 * In a thread of its own, with signals blocked. 0; MPS_ESYS when there is no thread to be had,
 * MPS_ECRYPTO.
 */
int mps_worker_start(struct mps_worker *w, const struct mps_engine_setup *setup);

/* mps_privileges_drop() there, if it is another thread. */
void mps_worker_drop_privileges(struct mps_worker *w, bool none);

/* mps_engine_stop there; each stage once. */
void mps_worker_retire(struct mps_worker *w, enum mps_stop stage);

/* End the thread and run what still waits for it, here; the engine stays as it was. */
void mps_worker_stop(struct mps_worker *w);

/* After mps_worker_stop. */
void mps_worker_deinit(struct mps_worker *w);

/*
 * Run the call in the engine's thread; at once if that is this one. The caller bounds the number
 * of those that wait.
 */
void mps_worker_call(struct mps_worker *w, struct mps_call *call);

/* A JOIN for one of its connections. Takes the descriptor. */
void mps_worker_join(struct mps_worker *w, int fd, const struct mps_opening *join);

/* The view is this one now. `concerns`: that concerns the sessions that are there, too. */
void mps_worker_set_view(struct mps_worker *w, const struct mps_view *view, bool concerns);

void mps_worker_route_changed(struct mps_worker *w, const struct mps_route *route);

/*
 * The number of its sessions and of those on the way to it: the worker with the fewest gets the
 * next one.
 */
unsigned mps_worker_load(struct mps_worker *w);

bool mps_worker_is_idle(struct mps_worker *w);
