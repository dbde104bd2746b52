/* SPDX-License-Identifier: MIT */
/*
 * One request on its way through the hub and the engines that answer it. Started and finished in
 * the hub's thread, which does not wait meanwhile: with engines that have threads the job comes
 * back through the hub's inbox.
 */
#pragma once
#include <stdbool.h>
#include "dispatch.h"
#include "inbox.h"

struct mps_job;

struct mps_job_part {
    struct mps_call call;
    struct mps_job *job;
    const struct mps_engine *eng;
    struct json_object *json;
};

struct mps_job {
    struct mps_ho_request req; /* these are filled in by who starts it */
    struct mps_dispatch d;
    /* Send the reply: in the thread that made it. False: it cannot be. */
    bool (*reply)(struct mps_job *job);
    /* The reply is out, and no copy of the descriptor in it is left: in the same thread. */
    void (*replied)(struct mps_job *job);
    /* The end: in the hub's thread. `ok`: the reply was sent. Frees the job. */
    void (*done)(struct mps_job *job, bool ok);

    struct mps_hub *hub; /* from here on its own */
    struct mps_engine *eng;
    struct mps_call call;
    struct mps_job_part *part;
    unsigned n_parts, n_missing;
    bool ok;
};

/* May be done before this returns. */
void mps_job_start(struct mps_job *job, struct mps_hub *hub);
