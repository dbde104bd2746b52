/* SPDX-License-Identifier: MIT */
/*
 * Looking a little longer before the loop sleeps. In an exchange of small messages the next event
 * is often some ten microseconds away, and to sleep and be woken costs more than that, above all on
 * a virtual machine; a message passes two agents, so it is paid twice each way. While a connection
 * has such an exchange (struct mps_exchange: small messages by turns, each soon after the one
 * before), its loop asks for events for 200 us more before it sleeps. Meanwhile it gives way to
 * other threads that want the processor, and it gives up for a while where such a thread keeps the
 * processor. Once looking was in vain the exchange has to prove itself anew. Transfers in one
 * direction never make a loop look longer: there the later an event is taken, the more it finds to
 * do.
 */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include "core/base/time.h"

/* ---- of a loop ---- */

struct mps_busypoll {
    struct ev_loop *loop;
    ev_idle idle; /* active: the loop does not sleep */
    mps_time_t until;
    mps_time_t barred_until; /* others want the processor */
};

void mps_busypoll_init(struct mps_busypoll *bp, struct ev_loop *loop);
void mps_busypoll_deinit(struct mps_busypoll *bp);

/* Look for 200 us from `now` on, unless others have wanted the processor just now. */
void mps_busypoll_go_on(struct mps_busypoll *bp, mps_time_t now);

/* ---- of a connection; all zero at first ---- */

struct mps_exchange {
    mps_time_t at;   /* of the latest message, 0: none */
    bool outgoing;   /* that message's direction */
    unsigned streak; /* messages by turns, soon one after the other */
};

/* `bytes` > 0 have come from the application (`outgoing`) or gone to it. */
void mps_exchange_note(struct mps_exchange *x, bool outgoing, size_t bytes, mps_time_t now);

/* A message has just been noted and the next one can be expected within 200 us. */
bool mps_exchange_is_quick(const struct mps_exchange *x, mps_time_t now);
