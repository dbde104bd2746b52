/* SPDX-License-Identifier: MIT */
#include "sndbuf.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/agent/clock.h"
#include "handover/sndbuf.h"
#include "mpconn_int.h"
#include "sockopts.h"

/* What the peer sent waits there rather than here, for a program that reads slowly. */
#define OURS (1 << 20)

/* Up to so many buffers of the application's end it is worth reading its bytes twice. */
#define SMALL 4

static size_t asked(const struct mps_sockopts *opts)
{
    int size = mps_sockopts_int(opts, SOL_SOCKET, SO_SNDBUF, 0);

    return size > 0 ? (size_t)size : 0;
}

static uint64_t asked_unsent(const struct mps_sockopts *opts)
{
    int size = mps_sockopts_int(opts, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0);

    return size > 0 ? (uint64_t)size : 0;
}

static size_t page_size(void)
{
    long page = sysconf(_SC_PAGESIZE);

    return page > 0 ? (size_t)page : 4096;
}

size_t mps_sndbuf_of_app(const struct mps_sockopts *opts, bool scarce)
{
    return mps_ho_sndbuf(scarce || asked_unsent(opts) > 0 ? 1 : asked(opts), page_size());
}

size_t mps_sndbuf_of_ours(bool scarce)
{
    return scarce ? mps_ho_sndbuf_min(page_size()) : OURS;
}

struct mps_sndbuf_bounds mps_sndbuf_bounds(size_t asked, size_t buffer)
{
    /* As the kernel counts, twice; and half as much again, since paths wait for each other. */
    uint64_t all = 3 * (uint64_t)asked;
    struct mps_sndbuf_bounds ret = {.core = all};

    if (all == 0)
        return ret;
    /*
     * Bytes that stay in the program's end are counted once; bytes that wait there add to the rest.
     */
    if (all > SMALL * (uint64_t)buffer) {
        ret.core = all - buffer;
        return ret;
    }
    if (all < buffer)
        ret.core = buffer;
    ret.keep = true;
    ret.beyond = ret.core - buffer;
    return ret;
}

void mps_sndbuf_apply(struct mps_mpconn *mp)
{
    const struct mps_sockopts *opts = &mp->ac->sockopts;
    struct mps_app *app = &mp->ac->app;
    struct mps_sndbuf_bounds bounds;

    app->buffer = 2 * mps_sndbuf_of_app(opts, false);
    bounds = mps_sndbuf_bounds(asked(opts), app->buffer);
    mp->keep_unacked = bounds.keep;
    mp->keep_beyond = bounds.beyond;
    mp->keep_unsent = asked_unsent(opts) > 0;
    app->keeps = mp->keep_unacked || mp->keep_unsent;
    mps_conn_limit_send_buffer(mp->core, bounds.core, asked_unsent(opts), mps_clock_now());
}

/*
 * Unsent bytes fill the program's end. If the program is ahead of us even so, a little more has to
 * fill it: the program writes records of any size, each of which costs its end more than its
 * length.
 */
static uint64_t unsent_part(struct mps_mpconn *mp)
{
    uint64_t unsent = mps_conn_unsent_in_all(mp->core), asked = asked_unsent(&mp->ac->sockopts);

    if (unsent > asked)
        unsent = asked;
    return mps_app_readable(&mp->ac->app) ? unsent + asked / 2 : unsent;
}

void mps_sndbuf_let_go(struct mps_mpconn *mp)
{
    struct mps_app *app = &mp->ac->app;
    uint64_t unacked = mps_conn_unacked(mp->core), keep = 0;

    if (!app->keeps)
        return;
    if (mp->keep_unacked && unacked > mp->keep_beyond)
        keep = unacked - mp->keep_beyond;
    if (mp->keep_unsent && keep < unsent_part(mp))
        keep = unsent_part(mp);
    mps_app_keep(app, keep < unacked ? keep : unacked);
}
