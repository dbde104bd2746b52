/* SPDX-License-Identifier: MIT */
#include "bypass.h"

#include "app.h"
#include "core/base/err.h"
#include "core/conn/conn.h"
#include "engine/net/pipe.h"
#include "engine/net/sock.h"
#include "feed.h"

#define LEAST 16384u /* bytes at once, or three calls cost more than a copy */
#define REST  64u    /* looks */

static void close_way(struct mps_bypass *b)
{
    b->there = false;
    mps_conn_set_bypass(b->core, false);
}

void mps_bypass_look(struct mps_bypass *b, mps_time_t now)
{
    const struct mps_app *app = b->app;

    if (b->rests > 0)
        b->rests--;
    b->there = b->rests == 0 && app->fd >= 0 && !app->blocked && !app->deaf && !app->hup &&
               !app->failed && mps_pipe_may(b->pipe, now);
    mps_conn_set_bypass(b->core, b->there);
}

/*
 * How many bytes may go around, once the program has what the core holds for it: that goes first.
 */
static size_t offered(struct mps_bypass *b, struct mps_subflow *sf, mps_time_t now)
{
    bool held;
    size_t n = mps_subflow_rx_bypass(sf, &held);

    if (!held)
        return n;
    mps_feed_app(b->core, b->app, now);
    n = mps_subflow_rx_bypass(sf, &held);
    return held ? 0 : n;
}

/* Bytes of the socket into the pipe; returns how many. */
static size_t fill(struct mps_bypass *b, int fd, size_t n, mps_time_t now)
{
    size_t there = n < LEAST ? 0 : mps_sock_waiting(fd), got;

    if (there < LEAST)
        return 0;
    if (!mps_pipe_ready(b->pipe, now)) {
        close_way(b);
        return 0;
    }
    n = n < there ? n : there;
    got = mps_pipe_fill(b->pipe, fd, n);
    if (got < n) {
        b->rests = REST;
        close_way(b);
    }
    return got;
}

/* What is left in the pipe goes the way of all other bytes. */
static int take_in(struct mps_bypass *b, struct mps_subflow *sf, size_t n, mps_time_t now)
{
    struct mps_span place[2];

    if (mps_subflow_rx_spans(sf, place) == 0 || place[0].n < n ||
        mps_pipe_read(b->pipe, place, n) < 0) {
        mps_pipe_close(b->pipe);
        return MPS_ESYS;
    }
    return mps_subflow_rx_done(sf, n, now);
}

size_t mps_bypass_move(struct mps_bypass *b, struct mps_subflow *sf, int fd, int *ret_rc,
                       mps_time_t now)
{
    size_t n, gone;

    *ret_rc = 0;
    n = b->there ? offered(b, sf, now) : 0;
    if (n > 0)
        n = fill(b, fd, n, now);
    if (n == 0)
        return 0;
    gone = mps_app_take(b->app, b->pipe, n);
    *ret_rc = mps_subflow_rx_bypassed(sf, gone, now);
    if (gone == n)
        return n;
    /* No more of it before the program's end was written to, which says why. */
    close_way(b);
    if (*ret_rc == 0)
        *ret_rc = take_in(b, sf, n - gone, now);
    else
        mps_pipe_close(b->pipe);
    return n;
}
