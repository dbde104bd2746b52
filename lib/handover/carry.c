/* SPDX-License-Identifier: MIT */
#include "carry.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include "sys.h"

/*
 * A fresh socket has zeros in each but SO_RCVLOWAT, and SO_MAX_PACING_RATE, where all ones are no
 * limit; what is as on a fresh one is not carried.
 */
static const struct {
    int name;
    int fresh; /* as an int, or as two of them */
} options[MPS_CARRY_OPTIONS] = {
    {SO_RCVTIMEO, 0},      {SO_SNDTIMEO, 0},         {SO_LINGER, 0},   {SO_OOBINLINE, 0},
    {SO_KEEPALIVE, 0},     {SO_REUSEADDR, 0},        {SO_PRIORITY, 0}, {SO_MARK, 0},
    {SO_BINDTOIFINDEX, 0}, {SO_MAX_PACING_RATE, -1}, {SO_RXQ_OVFL, 0}, /* stands for a wish of the
                                                                         program's (preload/interpose/mptcp.h)
                                                                       */
    {SO_RCVLOWAT, 1},
};

static bool is_fresh(const unsigned char *value, socklen_t len, int fresh)
{
    static const unsigned char zeros[MPS_CARRY_VALUE], ones[] = {0xff, 0xff, 0xff, 0xff};
    const size_t part = sizeof(fresh);

    return memcmp(value, &fresh, len < part ? len : part) == 0 &&
           (len <= part ||
            memcmp(value + part, fresh == -1 ? ones : zeros, fresh == -1 ? part : len - part) == 0);
}

static void take_option(struct mps_carry *c, int from, int name, int fresh)
{
    unsigned char *value = c->option[c->n_options].value;
    socklen_t len = MPS_CARRY_VALUE;

    if (mps_sys_getsockopt(from, SOL_SOCKET, name, value, &len) != 0 || len > MPS_CARRY_VALUE ||
        is_fresh(value, len, fresh))
        return;
    c->option[c->n_options].name = name;
    c->option[c->n_options].len = len;
    c->n_options++;
}

void mps_carry_take(struct mps_carry *ret, int from)
{
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        take_option(ret, from, options[i].name, options[i].fresh);
    ret->status_flags = mps_sys_fcntl(from, F_GETFL, 0);
    ret->signal_number = mps_sys_fcntl(from, F_GETSIG, 0);
    if (mps_sys_fcntl(from, F_GETOWN_EX, (unsigned long)(uintptr_t)&ret->owner) != 0)
        ret->owner.pid = 0;
}

void mps_carry_give(const struct mps_carry *c, int to)
{
    for (size_t i = 0; i < c->n_options; i++)
        (void)mps_sys_setsockopt(to, SOL_SOCKET, c->option[i].name, c->option[i].value,
                                 c->option[i].len);
    if (c->owner.pid != 0)
        (void)mps_sys_fcntl(to, F_SETOWN_EX, (unsigned long)(uintptr_t)&c->owner);
    if (c->signal_number > 0)
        (void)mps_sys_fcntl(to, F_SETSIG, (unsigned long)c->signal_number);
    if (c->status_flags >= 0)
        (void)mps_sys_fcntl(to, F_SETFL, (unsigned long)(c->status_flags & (O_NONBLOCK | O_ASYNC)));
}
