/* SPDX-License-Identifier: MIT */
#include "feed.h"

#include "app.h"
#include "core/conn/conn.h"
#include "engine/net/sock.h"

#define BUDGET (1u << 20) /* bytes at a time */

size_t mps_feed_app(struct mps_conn *core, struct mps_app *app, mps_time_t now)
{
    struct mps_span spans[MPS_SOCK_IOV_MAX];
    size_t done = 0;

    while (done < BUDGET) {
        unsigned n_spans = mps_conn_app_rx_spans(core, spans, MPS_SOCK_IOV_MAX);
        size_t n;

        if (n_spans == 0)
            break;
        if (mps_conn_app_rx_urgent(core))
            n = mps_app_write_urgent(app, spans[0].p);
        else
            n = mps_app_write(app, spans, n_spans);
        if (n == 0)
            break;
        mps_conn_app_rx_done(core, n, now);
        done += n;
    }
    return done;
}
