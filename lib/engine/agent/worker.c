/* SPDX-License-Identifier: MIT */
#include "worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/err.h"
#include "privileges.h"
#include "engine/show/log.h"
#include "engine/net/sock.h"

/* ---- in the worker's thread ---- */

static void tell(void *user)
{
    struct mps_worker *w = user;

    atomic_store(&w->n_sessions, w->engine.n_sessions);
    atomic_store(&w->idle, mps_engine_is_idle(&w->engine));
}

static void on_prepare(struct ev_loop *loop, ev_prepare *prepare, int revents)
{
    struct mps_worker *w = prepare->data;

    if (w->engine.n_sessions != atomic_load_explicit(&w->n_sessions, memory_order_relaxed) ||
        mps_engine_is_idle(&w->engine) != atomic_load_explicit(&w->idle, memory_order_relaxed))
        tell(w);
}

static void run_stop(struct mps_call *call)
{
    struct mps_worker *w = mps_container_of(call, struct mps_worker, stop);

    ev_break(w->loop, EVBREAK_ALL);
}

static void run_look(struct mps_call *call)
{
    struct mps_worker *w = mps_container_of(call, struct mps_worker, look);
    bool concerns;

    pthread_mutex_lock(&w->next_lock);
    w->view = w->next;
    concerns = w->next_concerns;
    w->next_posted = w->next_concerns = false;
    pthread_mutex_unlock(&w->next_lock);
    if (concerns)
        mps_engine_view_changed(&w->engine);
}

static void *thread_main(void *arg)
{
    struct mps_worker *w = arg;

    ev_run(w->loop, 0);
    return NULL;
}

/* ---- birth and death ---- */

int mps_worker_init(struct mps_worker *w, struct ev_loop *loop,
                    const struct mps_engine_setup *setup)
{
    memset(w, 0, sizeof(*w));
    return mps_engine_init(&w->engine, loop, setup);
}

/* Signals are for the main thread: its loop has the handlers. */
static int spawn(struct mps_worker *w, unsigned index)
{
    char name[16];
    sigset_t all, before;
    int err;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    err = pthread_create(&w->thread, NULL, thread_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0) {
        mps_log("worker: no thread: %s", strerror(err));
        return MPS_ESYS;
    }
    w->running = true;
    snprintf(name, sizeof(name), "engine %u", index);
    pthread_setname_np(w->thread, name);
    return 0;
}

int mps_worker_start(struct mps_worker *w, const struct mps_engine_setup *setup)
{
    struct mps_engine_setup own = *setup;
    int rc;

    memset(w, 0, sizeof(*w));
    w->loop = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (!w->loop)
        return MPS_ESYS;
    w->view = *setup->view;
    own.view = &w->view;
    rc = mps_engine_init(&w->engine, w->loop, &own);
    if (rc < 0) {
        ev_loop_destroy(w->loop);
        return rc;
    }
    w->threaded = true;
    w->look.run = run_look;
    w->stop.run = run_stop;
    atomic_init(&w->n_sessions, 0);
    atomic_init(&w->idle, true);
    pthread_mutex_init(&w->next_lock, NULL);
    mps_inbox_init(&w->inbox, w->loop, tell, w);
    ev_prepare_init(&w->tell, on_prepare);
    w->tell.data = w;
    ev_prepare_start(w->loop, &w->tell);
    rc = spawn(w, own.index);
    if (rc < 0)
        mps_worker_deinit(w);
    return rc;
}

void mps_worker_stop(struct mps_worker *w)
{
    if (!w->running)
        return;
    mps_inbox_post(&w->inbox, &w->stop);
    pthread_join(w->thread, NULL);
    w->running = false;
    mps_inbox_drain(&w->inbox);
}

void mps_worker_deinit(struct mps_worker *w)
{
    mps_engine_deinit(&w->engine);
    if (!w->threaded)
        return;
    ev_prepare_stop(w->loop, &w->tell);
    mps_inbox_deinit(&w->inbox);
    pthread_mutex_destroy(&w->next_lock);
    ev_loop_destroy(w->loop);
}

/* ---- messages ---- */

void mps_worker_call(struct mps_worker *w, struct mps_call *call)
{
    if (w->threaded)
        mps_inbox_post(&w->inbox, call);
    else
        call->run(call);
}

static void run_stage(struct mps_call *call)
{
    struct mps_stop_call *c = mps_container_of(call, struct mps_stop_call, call);

    mps_engine_stop(c->eng, c->stage);
}

void mps_worker_retire(struct mps_worker *w, enum mps_stop stage)
{
    w->stages[stage] = (struct mps_stop_call){{.run = run_stage}, &w->engine, stage};
    mps_worker_call(w, &w->stages[stage].call);
}

static void run_drop(struct mps_call *call)
{
    struct mps_worker *w = mps_container_of(call, struct mps_worker, drop);

    mps_privileges_drop(w->drop_all);
}

void mps_worker_drop_privileges(struct mps_worker *w, bool none)
{
    if (!w->threaded)
        return;
    w->drop.run = run_drop;
    w->drop_all = none;
    mps_inbox_post(&w->inbox, &w->drop);
}

struct join_call {
    struct mps_call call;
    struct mps_engine *eng;
    int fd;
    struct mps_opening join;
};

static void run_join(struct mps_call *call)
{
    struct join_call *c = mps_container_of(call, struct join_call, call);

    mps_engine_join(c->eng, c->fd, &c->join);
    free(c);
}

void mps_worker_join(struct mps_worker *w, int fd, const struct mps_opening *join)
{
    struct join_call *c;

    if (!w->threaded) {
        mps_engine_join(&w->engine, fd, join);
        return;
    }
    c = malloc(sizeof(*c));
    if (c) {
        *c = (struct join_call){{.run = run_join}, &w->engine, fd, *join};
        if (mps_inbox_offer(&w->inbox, &c->call))
            return;
        free(c);
    }
    mps_log("worker: a join is dropped");
    mps_sock_reset(fd);
}

void mps_worker_set_view(struct mps_worker *w, const struct mps_view *view, bool concerns)
{
    bool post;

    if (!w->threaded) {
        if (concerns)
            mps_engine_view_changed(&w->engine);
        return;
    }
    pthread_mutex_lock(&w->next_lock);
    w->next = *view;
    w->next_concerns |= concerns;
    post = !w->next_posted;
    w->next_posted = true;
    pthread_mutex_unlock(&w->next_lock);
    if (post)
        mps_inbox_post(&w->inbox, &w->look);
}

struct route_call {
    struct mps_call call;
    struct mps_engine *eng;
    struct mps_route route;
};

static void run_route(struct mps_call *call)
{
    struct route_call *c = mps_container_of(call, struct route_call, call);

    mps_engine_route_changed(c->eng, &c->route);
    free(c);
}

void mps_worker_route_changed(struct mps_worker *w, const struct mps_route *route)
{
    struct route_call *c;

    if (!w->threaded) {
        mps_engine_route_changed(&w->engine, route);
        return;
    }
    c = malloc(sizeof(*c));
    if (!c)
        return;
    *c = (struct route_call){{.run = run_route}, &w->engine, *route};
    /* Only a hint that a path may be worth a try. */
    if (!mps_inbox_offer(&w->inbox, &c->call))
        free(c);
}

/* ---- how much there is to do ---- */

unsigned mps_worker_load(struct mps_worker *w)
{
    if (!w->threaded)
        return w->engine.n_sessions;
    return mps_inbox_waiting(&w->inbox) + atomic_load(&w->n_sessions);
}

bool mps_worker_is_idle(struct mps_worker *w)
{
    if (!w->threaded)
        return mps_engine_is_idle(&w->engine);
    /* In this order: what has run is in `idle`. */
    return mps_inbox_waiting(&w->inbox) == 0 && atomic_load(&w->idle);
}
