/* SPDX-License-Identifier: MIT */
/*
 * An AF_UNIX end shows any end but an orderly one as a reset. TCP tells more: that the peer has not
 * answered in time. The agent remembers it for a while.
 */
#pragma once
#include <errno.h>
#include <sys/types.h>

/* ECONNRESET on fd, which may be ours: what TCP would say. */
int mps_ended_error(int fd);

/* After a call on fd: corrects errno. */
static inline ssize_t mps_ended(int fd, ssize_t rc)
{
    if (__builtin_expect(rc < 0, 0) && errno == ECONNRESET)
        errno = mps_ended_error(fd);
    return rc;
}
