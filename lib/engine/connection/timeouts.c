/* SPDX-License-Identifier: MIT */
#include "timeouts.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include "sockopts.h"

/* Linux's defaults, in seconds, for when the program's socket cannot be asked. */
#define IDLE     7200
#define INTERVAL 75
#define COUNT    9

static mps_time_t of(const struct mps_sockopts *opts, int name, int fallback, mps_time_t unit)
{
    int value = mps_sockopts_int(opts, IPPROTO_TCP, name, fallback);

    return value > 0 ? (mps_time_t)value * unit : 0;
}

struct mps_timeouts mps_timeouts_of(const struct mps_sockopts *opts)
{
    struct mps_timeouts t = {.user = of(opts, TCP_USER_TIMEOUT, 0, MPS_MSEC)};

    if (mps_sockopts_int(opts, SOL_SOCKET, SO_KEEPALIVE, 0) == 0)
        return t;
    t.keep_idle = of(opts, TCP_KEEPIDLE, IDLE, MPS_SEC);
    t.keep_interval = of(opts, TCP_KEEPINTVL, INTERVAL, MPS_SEC);
    t.keep_count = (unsigned)mps_sockopts_int(opts, IPPROTO_TCP, TCP_KEEPCNT, COUNT);
    return t;
}
