/* SPDX-License-Identifier: MIT */
#include "busypoll.h"

#include <sched.h>
#include "engine/agent/clock.h"

#define LIMIT  (200 * MPS_USEC) /* of looking */
#define SOON   (300 * MPS_USEC) /* between messages, waking from sleep included */
#define STREAK 16               /* messages that prove an exchange */
#define SMALL  (8u << 10)       /* bytes of a message */
#define TAKEN  (100 * MPS_USEC) /* the processor was wanted for more than a message */
#define BARRED (200 * MPS_MSEC) /* after that */

static void on_idle(struct ev_loop *loop, ev_idle *idle, int revents)
{
    struct mps_busypoll *bp = idle->data;
    mps_time_t before = mps_clock_now(), after;

    if (before >= bp->until) {
        ev_idle_stop(loop, idle);
        return;
    }
    sched_yield();
    after = mps_clock_now();
    /* Giving way to one that has much to do costs more than waking up does. */
    if (after - before > TAKEN) {
        bp->barred_until = after + BARRED;
        ev_idle_stop(loop, idle);
    }
}

void mps_busypoll_init(struct mps_busypoll *bp, struct ev_loop *loop)
{
    *bp = (struct mps_busypoll){.loop = loop};
    ev_idle_init(&bp->idle, on_idle);
    ev_set_priority(&bp->idle, EV_MINPRI);
    bp->idle.data = bp;
}

void mps_busypoll_deinit(struct mps_busypoll *bp)
{
    ev_idle_stop(bp->loop, &bp->idle);
}

void mps_busypoll_go_on(struct mps_busypoll *bp, mps_time_t now)
{
    if (now < bp->barred_until)
        return;
    bp->until = now + LIMIT;
    ev_idle_start(bp->loop, &bp->idle);
}

void mps_exchange_note(struct mps_exchange *x, bool outgoing, size_t bytes, mps_time_t now)
{
    /* A message that the loop looks for comes within the limit, or looking was in vain. */
    mps_time_t soon = x->streak == STREAK ? LIMIT : SOON;

    if (bytes > SMALL || outgoing == x->outgoing || now - x->at > soon)
        x->streak = 0;
    else if (x->streak < STREAK)
        x->streak++;
    x->outgoing = outgoing;
    x->at = now;
}

bool mps_exchange_is_quick(const struct mps_exchange *x, mps_time_t now)
{
    return x->streak == STREAK && x->at == now;
}
