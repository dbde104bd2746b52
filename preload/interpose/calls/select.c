/* SPDX-License-Identifier: MIT */
/* select(), epoll_wait() and their families: nothing but that a listener is waited for. A pending
 * connect() is decided about at the next call of another kind. */
#include "interpose/preload.h"
#include <sys/select.h>
#include "interpose/doubt.h"
#include "interpose/marking.h"

void mps_marking_wait_set(int n, const fd_set *readable)
{
    mps_doubt_check();
    if (!readable || !mps_hints_any_listener())
        return;
    for (int fd = 0; fd < n && fd < FD_SETSIZE; fd++)
        if (FD_ISSET(fd, readable))
            mps_marking_wait(fd);
}

MPS_EXPORT int select(int n, fd_set *readable, fd_set *writable, fd_set *urgent,
                      struct timeval *timeout)
{
    int rc;

    mps_marking_wait_set(n, readable);
    rc = mps_next.select(n, readable, writable, urgent, timeout);
    if (rc > 0)
        mps_doubt_selected(n, readable);
    return rc;
}

MPS_EXPORT int pselect(int n, fd_set *readable, fd_set *writable, fd_set *urgent,
                       const struct timespec *timeout, const sigset_t *mask)
{
    int rc;

    mps_marking_wait_set(n, readable);
    rc = mps_next.pselect(n, readable, writable, urgent, timeout, mask);
    if (rc > 0)
        mps_doubt_selected(n, readable);
    return rc;
}

static int reported(int epfd, const struct epoll_event *events, int rc)
{
    if (rc > 0)
        mps_doubt_epolled(epfd, events, rc);
    return rc;
}

MPS_EXPORT int epoll_wait(int epfd, struct epoll_event *events, int n, int timeout)
{
    mps_doubt_check();
    return reported(epfd, events, mps_next.epoll_wait(epfd, events, n, timeout));
}

MPS_EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int n, int timeout,
                           const sigset_t *mask)
{
    mps_doubt_check();
    return reported(epfd, events, mps_next.epoll_pwait(epfd, events, n, timeout, mask));
}

MPS_EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int n,
                            const struct timespec *timeout, const sigset_t *mask)
{
    mps_doubt_check();
    return reported(epfd, events, mps_next.epoll_pwait2(epfd, events, n, timeout, mask));
}
