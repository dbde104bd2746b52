/* SPDX-License-Identifier: MIT */
/*
 * poll(), select(), epoll_wait() and their families: a listener is waited for. poll() decides about
 * a pending connect(), too; with the others that is for the next call of another kind.
 */
#include "select.h"
#include "interpose/doubt.h"
#include "interpose/marking.h"
#include "interpose/preload.h"
#include "interpose/urgent.h"

int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
                size_t size);

void mps_waits_select(int n, const fd_set *readable)
{
    mps_doubt_check();
    if (!readable || !mps_hints_any_listener())
        return;
    for (int fd = 0; fd < n && fd < FD_SETSIZE; fd++)
        if (FD_ISSET(fd, readable))
            mps_marking_wait(fd);
}

int mps_waited_select(int n, const fd_set *readable, int rc)
{
    if (rc > 0)
        mps_doubt_selected(n, readable);
    return rc;
}

/*
 * Not of const elements: the C library declares poll() as a function that only writes them, and a
 * compiler would take a function that only reads them for one that reads what nobody has written.
 */
void mps_waits_poll(struct pollfd *fds, nfds_t n)
{
    mps_doubt_check();
    if (fds)
        for (nfds_t i = 0; i < n; i++) {
            mps_decide(fds[i].fd, false);
            mps_marking_wait(fds[i].fd);
        }
}

int mps_waited_poll(struct pollfd *fds, nfds_t n, int rc)
{
    if (rc > 0) {
        mps_urgent_polled(fds, n);
        mps_doubt_polled(fds, n);
    }
    return rc;
}

MPS_EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    mps_waits_poll(fds, n);
    return mps_waited_poll(fds, n, mps_next.poll(fds, n, timeout));
}

MPS_EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size)
{
    mps_waits_poll(fds, n);
    return mps_waited_poll(fds, n, mps_next.__poll_chk(fds, n, timeout, size));
}

MPS_EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
                     const sigset_t *mask)
{
    mps_waits_poll(fds, n);
    return mps_waited_poll(fds, n, mps_next.ppoll(fds, n, timeout, mask));
}

MPS_EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
                           const sigset_t *mask, size_t size)
{
    mps_waits_poll(fds, n);
    return mps_waited_poll(fds, n, mps_next.__ppoll_chk(fds, n, timeout, mask, size));
}

MPS_EXPORT int select(int n, fd_set *readable, fd_set *writable, fd_set *urgent,
                      struct timeval *timeout)
{
    mps_waits_select(n, readable);
    return mps_waited_select(n, readable, mps_next.select(n, readable, writable, urgent, timeout));
}

MPS_EXPORT int pselect(int n, fd_set *readable, fd_set *writable, fd_set *urgent,
                       const struct timespec *timeout, const sigset_t *mask)
{
    mps_waits_select(n, readable);
    return mps_waited_select(n, readable,
                             mps_next.pselect(n, readable, writable, urgent, timeout, mask));
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
