/* SPDX-License-Identifier: MIT */
/*
 * The queue of things that have something to do. Callbacks of the loop only read and add to this
 * queue; after all of them each entry is run once, with bounded work. An entry that adds itself
 * again while it runs belongs to the next round, after the loop has looked at all descriptors.
 */
#pragma once
#include <ev.h>
#include "core/base/list.h"

/* A part of what is run. Initialized and removed by its owner. */
struct mps_runnable {
    struct mps_list link;
};

struct mps_runq {
    struct ev_loop *loop;
    struct mps_list waiting; /* struct mps_runnable */
    ev_check check;          /* runs those that wait */
    ev_idle more;            /* keeps the loop from sleeping while some are left */
    void (*run)(struct mps_runnable *r);
};

/* `run` may free what it runs, and add others. */
void mps_runq_init(struct mps_runq *q, struct ev_loop *loop, void (*run)(struct mps_runnable *r));

/* Stops watching; what still waits is not run. */
void mps_runq_deinit(struct mps_runq *q);

/* Run it soon; no matter whether it waits already. */
void mps_runq_add(struct mps_runq *q, struct mps_runnable *r);

void mps_runnable_init(struct mps_runnable *r);

/* It is not run any more. */
void mps_runnable_remove(struct mps_runnable *r);
