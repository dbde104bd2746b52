/* SPDX-License-Identifier: MIT */
/*
 * One TCP connection as the application sees it: what the session (session.h) and the carrier of
 * its bytes, a multipath connection or a plain relay, both know. The session makes and owns this
 * structure; the carrier uses `app`, obeys `options` and `sockopts`, and fills in `end`.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "app.h"
#include "config/options.h"
#include "core/base/addr.h"
#include "core/conn/conn.h"
#include "engine/agent/account.h"
#include "handover/counts.h"
#include "sockopts.h"

struct mps_engine;
struct mps_pathctl;
struct mps_watcher;

struct mps_appconn {
    struct mps_engine *eng;
    uint64_t id;
    mps_time_t since; /* when it was handed over, by mps_clock_with_sleep */
    pid_t pid;        /* of the process that handed it over */
    enum mps_role role;
    struct mps_addr local, peer;
    bool bound;       /* the program chose the address of its end itself */
    uint32_t ifindex; /* and this interface, 0: any */
    /* The agent's, or a copy of its own with those of the request (below). */
    const struct mps_options *options;
    struct mps_pathctl *paths;    /* what the program changed for this one; NULL: nothing */
    struct mps_watcher *watchers; /* programs that are told its events (show/watcher.h) */
    struct mps_sockopts sockopts;
    struct mps_account account; /* what is allocated for it */
    struct mps_app app;
    enum mps_plain_reason plain; /* why it is relayed as plain TCP, once it is */
    const char *end;             /* why it ended: a word for events; NULL: not known */
};

/* A copy of `options` is the connection's own from now on; nothing follows from that here. 0 or
 * MPS_ENOMEM. */
int mps_appconn_set_options(struct mps_appconn *ac, const struct mps_options *options);

/*
 * The words of a request (handover/), `length` bytes: most requests have none, or those that the
 * agent was started with, and then the agent's options go on to hold. A bad word is logged and
 * left out. 0 or MPS_ENOMEM.
 */
int mps_appconn_take_words(struct mps_appconn *ac, const char *words, size_t length);

/* The agent's hold again; frees its own, before its account is closed. */
void mps_appconn_forget_options(struct mps_appconn *ac);
