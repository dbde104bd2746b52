/* SPDX-License-Identifier: MIT */
/*
 * The simulator's event queue and clock. Events run in the order of their time; events of the same
 * time run in the order in which they were posted. So a run depends on its seed alone.
 * There is no cancelling: an event that is no longer wanted is ignored by its function.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/base/time.h"

/* Three values travel with each event. */
struct evq_args {
    uint64_t a, b, c;
};

typedef void evq_fn(void *obj, const struct evq_args *args);

struct evq_event {
    mps_time_t at;
    uint64_t seq;
    evq_fn *fn;
    void *obj;
    struct evq_args args;
};

struct evq {
    mps_time_t now;
    struct evq_event *heap;
    size_t n, cap;
    uint64_t seq;
};

void evq_init(struct evq *q, mps_time_t now);
void evq_deinit(struct evq *q);

/* A time in the past counts as now. */
void evq_post(struct evq *q, mps_time_t at, evq_fn *fn, void *obj, struct evq_args args);

/* Run the next event due not later than `until`. False: there is none; it is `until` now. */
bool evq_step(struct evq *q, mps_time_t until);
