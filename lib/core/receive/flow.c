/* SPDX-License-Identifier: MIT */
#include "flow.h"
#include <stddef.h>
#include "core/base/constants.h"

#define CREDIT_CLOSED 4096u           /* less credit than this left counts as closed */
#define DRS_EPOCH_MIN (1 * MPS_MSEC)  /* shortest epoch of window growth */
#define DRS_RTT       (20 * MPS_MSEC) /* assumed while no round-trip time is known */

/*
 * A sender in slow start is foreseen on paths that are longer than this: on shorter ones it is over
 * in no time, and what fills the program's socket would be taken for a program that reads ever
 * faster.
 */
#define DRS_FORESEES (5 * MPS_MSEC)

void mps_flow_init(struct mps_flow *f, uint64_t window, uint64_t window_max, mps_time_t now)
{
    if (window > window_max)
        window = window_max;
    if (window < MPS_INITIAL_CREDIT_MIN)
        window = MPS_INITIAL_CREDIT_MIN;
    *f = (struct mps_flow){
        .window = window,
        .window_max = window_max > window ? window_max : window,
        .granted = window,
        .epoch_start = now,
    };
}

bool mps_flow_limit(struct mps_flow *f, uint64_t credit, uint64_t acked)
{
    if (credit > acked && credit - acked > f->limit_span)
        f->limit_span = credit - acked;
    if (credit <= f->limit)
        return false;
    f->limit = credit;
    return true;
}

bool mps_flow_accepts(const struct mps_flow *f, uint64_t end)
{
    return end <= f->granted;
}

/*
 * What an application that consumed `now` bytes in one round trip, and `before` in the one before,
 * may consume in the next two: as much as Linux's receiver expects of a sender in slow start.
 */
static uint64_t expected(uint64_t before, uint64_t now)
{
    uint64_t want = 2 * now;

    if (before > 0 && now > before)
        want += now - before < before ? 2 * want / before * (now - before) : 2 * want;
    return want;
}

/*
 * Dynamic right-sizing: the window follows twice what the application consumed in the largest
 * round-trip time, so that neither the sender's ramp-up nor a repair of one round trip stops the
 * flow. An application that does not keep up consumes little, and the window stays.
 */
static void grow(struct mps_flow *f, mps_time_t rtt, mps_time_t now)
{
    bool foresees = rtt >= DRS_FORESEES;
    uint64_t want;

    if (rtt == 0)
        rtt = DRS_RTT;
    if (rtt < DRS_EPOCH_MIN)
        rtt = DRS_EPOCH_MIN;
    if (now - f->epoch_start < rtt)
        return;
    want = expected(foresees ? f->epoch_before : 0, f->epoch_consumed);
    /* An epoch that lasted longer than one round trip (idle, sparse calls) counts in part. */
    if (now - f->epoch_start > 2 * rtt)
        want = want / ((now - f->epoch_start) / rtt);
    if (want > (foresees ? 4 : 2) * f->window)
        want = (foresees ? 4 : 2) * f->window;
    if (want > f->window_max)
        want = f->window_max;
    if (want > f->window)
        f->window = want;
    f->epoch_start = now;
    f->epoch_before = f->epoch_consumed;
    f->epoch_consumed = 0;
}

void mps_flow_shrink(struct mps_flow *f)
{
    f->window /= 2;
    if (f->window < MPS_INITIAL_CREDIT_MIN)
        f->window = MPS_INITIAL_CREDIT_MIN;
}

void mps_flow_consume(struct mps_flow *f, uint64_t n, mps_time_t rtt, mps_time_t now)
{
    f->consumed += n;
    f->epoch_consumed += n;
    grow(f, rtt, now);
    if (f->consumed + f->window > f->granted)
        f->granted = f->consumed + f->window;
}

bool mps_flow_closed(const struct mps_flow *f, uint64_t rcv_nxt)
{
    return f->announced < rcv_nxt + CREDIT_CLOSED;
}

bool mps_flow_should_announce(const struct mps_flow *f, uint64_t rcv_nxt)
{
    uint64_t more = f->granted - f->announced;
    uint64_t step = f->window / 8;

    /* A stopped peer is woken with something worth a frame, but never later than that. */
    if (mps_flow_closed(f, rcv_nxt) && step > MPS_ROOM_MIN)
        step = MPS_ROOM_MIN;
    return more > 0 && more >= step;
}

uint64_t mps_flow_announce(struct mps_flow *f)
{
    f->announced = f->granted;
    return f->announced;
}

const char *mps_flow_check(const struct mps_flow *f)
{
    if (f->announced > f->granted)
        return "flow: more credit was announced than granted";
    if (f->consumed > f->granted)
        return "flow: more was consumed than granted";
    if (f->window > f->window_max || f->window < MPS_INITIAL_CREDIT_MIN)
        return "flow: the window is out of its bounds";
    return f->granted - f->consumed > f->window_max ? "flow: more credit is open than the window"
                                                    : NULL;
}
