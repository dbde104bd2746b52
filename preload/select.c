/* SPDX-License-Identifier: MIT */
/* select() and pselect(): nothing but that a listener is waited for. A pending connect() is settled
 * at the next call of another kind. */
#include "preload.h"
#include <sys/select.h>
#include "marking.h"

void mps_marking_wait_set(int n, const fd_set *readable)
{
    if (!readable || !mps_hints_any_listener())
        return;
    for (int fd = 0; fd < n && fd < FD_SETSIZE; fd++)
        if (FD_ISSET(fd, readable))
            mps_marking_wait(fd);
}

MPS_EXPORT int select(int n, fd_set *readable, fd_set *writable, fd_set *urgent,
                      struct timeval *timeout)
{
    mps_marking_wait_set(n, readable);
    return mps_next.select(n, readable, writable, urgent, timeout);
}

MPS_EXPORT int pselect(int n, fd_set *readable, fd_set *writable, fd_set *urgent,
                       const struct timespec *timeout, const sigset_t *mask)
{
    mps_marking_wait_set(n, readable);
    return mps_next.pselect(n, readable, writable, urgent, timeout, mask);
}
