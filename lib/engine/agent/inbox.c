/* SPDX-License-Identifier: MIT */
#include "inbox.h"

#include <limits.h>

static void on_async(struct ev_loop *loop, ev_async *async, int revents)
{
    mps_inbox_drain(async->data);
}

void mps_inbox_init(struct mps_inbox *self, struct ev_loop *loop, void (*ran)(void *user),
                    void *user)
{
    self->loop = loop;
    self->n = 0;
    self->ran = ran;
    self->user = user;
    mps_list_init(&self->calls);
    pthread_mutex_init(&self->lock, NULL);
    ev_async_init(&self->async, on_async);
    self->async.data = self;
    ev_async_start(loop, &self->async);
}

void mps_inbox_deinit(struct mps_inbox *self)
{
    ev_async_stop(self->loop, &self->async);
    pthread_mutex_destroy(&self->lock);
}

static bool enter(struct mps_inbox *self, struct mps_call *call, unsigned limit)
{
    bool fits;

    pthread_mutex_lock(&self->lock);
    fits = self->n < limit;
    if (fits) {
        mps_list_push_back(&self->calls, &call->link);
        self->n++;
    }
    pthread_mutex_unlock(&self->lock);
    if (fits)
        ev_async_send(self->loop, &self->async);
    return fits;
}

void mps_inbox_post(struct mps_inbox *self, struct mps_call *call)
{
    enter(self, call, UINT_MAX);
}

bool mps_inbox_offer(struct mps_inbox *self, struct mps_call *call)
{
    return enter(self, call, MPS_INBOX_OFFERS);
}

unsigned mps_inbox_waiting(struct mps_inbox *self)
{
    unsigned n;

    pthread_mutex_lock(&self->lock);
    n = self->n;
    pthread_mutex_unlock(&self->lock);
    return n;
}

static struct mps_call *take(struct mps_inbox *self)
{
    struct mps_call *call = NULL;

    pthread_mutex_lock(&self->lock);
    if (!mps_list_empty(&self->calls)) {
        call = mps_list_entry(self->calls.next, struct mps_call, link);
        mps_list_remove(&call->link);
    }
    pthread_mutex_unlock(&self->lock);
    return call;
}

void mps_inbox_drain(struct mps_inbox *self)
{
    unsigned limit = mps_inbox_waiting(self), n = 0;
    struct mps_call *call;

    /* What is posted meanwhile wakes the loop once more. */
    while (n < limit && (call = take(self))) {
        call->run(call);
        n++;
    }
    if (self->ran)
        self->ran(self->user);
    pthread_mutex_lock(&self->lock);
    self->n -= n;
    pthread_mutex_unlock(&self->lock);
}
