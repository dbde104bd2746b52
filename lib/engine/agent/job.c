/* SPDX-License-Identifier: MIT */
#include "job.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include "hub.h"

/* The reply is there; still in the thread that made it. */
static void answer(struct mps_job *job)
{
    job->ok = job->reply(job);
    mps_dispatch_done(&job->d, job->ok);
    job->replied(job);
}

/* ---- one engine answers ---- */

static void run_done(struct mps_call *call)
{
    struct mps_job *job = mps_container_of(call, struct mps_job, call);

    job->done(job, job->ok);
}

static void run_engine(struct mps_call *call)
{
    struct mps_job *job = mps_container_of(call, struct mps_job, call);

    mps_dispatch_engine(job->eng, &job->req, &job->d);
    answer(job);
    job->call.run = run_done;
    if (mps_hub_has_threads(job->hub))
        mps_inbox_post(&job->hub->inbox, &job->call);
    else
        run_done(&job->call);
}

/* ---- all engines answer ---- */

/* In the hub's thread again. */
static void run_collect(struct mps_call *call)
{
    struct mps_job_part *part = mps_container_of(call, struct mps_job_part, call);
    struct mps_job *job = part->job;
    struct json_object *json[MPS_OPTIONS_THREADS];

    if (--job->n_missing > 0)
        return;
    for (unsigned i = 0; i < job->n_parts; i++)
        json[i] = job->part[i].json;
    mps_dispatch_parts(job->hub, &job->req, json, job->n_parts, &job->d);
    free(job->part);
    answer(job);
    job->done(job, job->ok);
}

static void run_part(struct mps_call *call)
{
    struct mps_job_part *part = mps_container_of(call, struct mps_job_part, call);
    struct mps_hub *hub = part->job->hub;

    part->json = mps_dispatch_part(part->eng, &part->job->req);
    part->call.run = run_collect;
    if (mps_hub_has_threads(hub))
        mps_inbox_post(&hub->inbox, &part->call);
    else
        run_collect(&part->call);
}

static void ask_all(struct mps_job *job)
{
    struct mps_hub *hub = job->hub;
    unsigned n = hub->n_workers;

    job->part = calloc(n, sizeof(*job->part));
    if (!job->part) {
        mps_dispatch_fail(&job->req, &job->d, ENOMEM);
        answer(job);
        job->done(job, job->ok);
        return;
    }
    job->n_parts = job->n_missing = n;
    for (unsigned i = 0; i < n; i++) {
        job->part[i] = (struct mps_job_part){
            .call.run = run_part,
            .job = job,
            .eng = &hub->workers[i].engine,
        };
        mps_worker_call(&hub->workers[i], &job->part[i].call);
    }
}

void mps_job_start(struct mps_job *job, struct mps_hub *hub)
{
    struct mps_worker *w = NULL;

    job->hub = hub;
    switch (mps_dispatch_by(hub, &job->req, &w)) {
    case MPS_BY_HUB:
        mps_dispatch_hub(hub, &job->req, &job->d);
        answer(job);
        job->done(job, job->ok);
        break;
    case MPS_BY_ENGINE:
        job->eng = &w->engine;
        job->call.run = run_engine;
        mps_worker_call(w, &job->call);
        break;
    case MPS_BY_ALL:
        ask_all(job);
        break;
    }
}
