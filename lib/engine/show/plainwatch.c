/* SPDX-License-Identifier: MIT */
#include "plainwatch.h"

#include "engine/agent/hub.h"
#include "log.h"
#include "report.h"

#define INTERVAL_S 1.

/* Connections from the time when nobody watched are in the status; they are no news. */
static void on_timer(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct mps_plainwatch *self = timer->data;
    bool watched = mps_monitors_watching(&self->hub->monitors);

    for (int role = 0; role < MPS_COUNTS_ROLES; role++) {
        for (int reason = 1; reason < MPS_PLAIN_REASONS; reason++) {
            uint32_t now =
                atomic_load_explicit(&self->counts->n[role][reason], memory_order_relaxed);
            uint32_t more = now - self->told[role][reason];

            self->told[role][reason] = now;
            if (more > 0 && reason == MPS_PLAIN_ELSEWHERE)
                mps_log("%u listener(s) under the shim are accepted from by other means, and "
                        "serve plain TCP from now on",
                        more);
            if (watched && more > 0)
                mps_report_counted(&self->hub->monitors, self->hub->agent_id,
                                   (enum mps_counts_role)role, (enum mps_plain_reason)reason, more);
        }
    }
}

void mps_plainwatch_start(struct mps_plainwatch *self, struct mps_hub *hub, const char *number)
{
    self->hub = hub;
    self->counts = mps_counts_attach(number, hub->agent_id);
    if (!self->counts)
        return;
    mps_counts_remove(number);
    ev_timer_init(&self->timer, on_timer, INTERVAL_S, INTERVAL_S);
    self->timer.data = self;
    ev_timer_start(hub->loop, &self->timer);
}

void mps_plainwatch_stop(struct mps_plainwatch *self)
{
    if (self->counts)
        ev_timer_stop(self->hub->loop, &self->timer);
    self->counts = NULL;
}
