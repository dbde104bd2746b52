/* SPDX-License-Identifier: MIT */
#include "runq.h"

static void run_all(struct ev_loop *loop, ev_check *check, int revents)
{
    struct mps_runq *q = check->data;
    struct mps_list round;

    if (mps_list_empty(&q->waiting))
        return;
    round = q->waiting;
    round.next->prev = round.prev->next = &round;
    mps_list_init(&q->waiting);
    while (!mps_list_empty(&round)) {
        struct mps_runnable *r = mps_list_entry(round.next, struct mps_runnable, link);

        mps_list_remove(&r->link);
        q->run(r);
    }
    if (mps_list_empty(&q->waiting))
        ev_idle_stop(loop, &q->more);
    else
        ev_idle_start(loop, &q->more);
}

static void on_idle(struct ev_loop *loop, ev_idle *idle, int revents)
{
}

void mps_runq_init(struct mps_runq *q, struct ev_loop *loop, void (*run)(struct mps_runnable *r))
{
    q->loop = loop;
    q->run = run;
    mps_list_init(&q->waiting);
    ev_idle_init(&q->more, on_idle);
    ev_set_priority(&q->more, EV_MINPRI);
    ev_check_init(&q->check, run_all);
    ev_set_priority(&q->check, EV_MINPRI);
    q->check.data = q;
    ev_check_start(loop, &q->check);
}

void mps_runq_deinit(struct mps_runq *q)
{
    ev_check_stop(q->loop, &q->check);
    ev_idle_stop(q->loop, &q->more);
}

void mps_runq_add(struct mps_runq *q, struct mps_runnable *r)
{
    if (mps_list_empty(&r->link))
        mps_list_push_back(&q->waiting, &r->link);
}

void mps_runnable_init(struct mps_runnable *r)
{
    mps_list_init(&r->link);
}

void mps_runnable_remove(struct mps_runnable *r)
{
    mps_list_remove(&r->link);
}
