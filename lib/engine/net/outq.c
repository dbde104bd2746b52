/* SPDX-License-Identifier: MIT */
#include "outq.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include "engine/connection/mpconn.h"
#include "engine/connection/relay.h"
#include "engine/connection/session.h"

static uint64_t ask_kernel(int fd, unsigned long request)
{
    int n = 0;

    return fd >= 0 && ioctl(fd, request, &n) == 0 && n > 0 ? (uint64_t)n : 0;
}

/* Written by the application and not yet seen by the agent. */
static uint64_t in_socket(const struct mps_app *app)
{
    uint64_t queued = ask_kernel(app->fd, SIOCINQ);

    return queued > app->ahead ? queued - app->ahead : 0;
}

int mps_outq_get(const struct mps_session *s, int request, int *ret_bytes)
{
    uint64_t n = in_socket(&s->ac.app);

    if (request != SIOCOUTQ && request != SIOCOUTQNSD)
        return EINVAL;
    if (s->mp) {
        struct mps_conn_info info;

        mps_conn_info(mps_mpconn_core(s->mp), &info);
        n += info.snd_queued;
        if (request == SIOCOUTQ && info.bytes_sent > info.bytes_acked)
            n += info.bytes_sent - info.bytes_acked;
    } else {
        n +=
            mps_relay_queued(s->relay) + ask_kernel(mps_relay_fd(s->relay), (unsigned long)request);
    }
    *ret_bytes = n < INT_MAX ? (int)n : INT_MAX;
    return 0;
}
