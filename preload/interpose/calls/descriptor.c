/* SPDX-License-Identifier: MIT */
/* Calls that make, duplicate or register descriptors: they keep the hints true. */
#include "interpose/preload.h"
#include <netinet/in.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include "handover/sys.h"
#include "interpose/marking.h"
#include "interpose/mptcp.h"

MPS_EXPORT int socket(int domain, int type, int protocol)
{
    bool mptcp = mps_mptcp_is_asked(domain, type, protocol);
    int fd;

    if (mptcp)
        protocol = IPPROTO_TCP;
    fd = mptcp ? mps_sys_socket(domain, type, protocol) : mps_next.socket(domain, type, protocol);
    mps_hints_forget(fd);
    if (mptcp && fd >= 0)
        mps_mptcp_note(fd);
    if ((domain == AF_INET || domain == AF_INET6) &&
        (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_STREAM &&
        (protocol == 0 || protocol == IPPROTO_TCP))
        mps_hints_tcp_set(fd);
    return fd;
}

/* The copy is another file under its number, and both numbers are one socket from now on. */
static int duplicated(int from, int to)
{
    if (to < 0 || to == from)
        return to;
    mps_hints_forget(to);
    mps_marking_duplicated(from, to);
    if (mps_preload_config()) {
        mps_pending_share(from);
        mps_pending_share(to);
    }
    return to;
}

/* An established connection is swapped before it is duplicated; then all is right by itself. */
MPS_EXPORT int dup(int fd)
{
    mps_decide(fd, false);
    return duplicated(fd, mps_next.dup(fd));
}

MPS_EXPORT int dup2(int from, int to)
{
    mps_decide(from, false);
    if (from != to)
        mps_claim_leave(to);
    return duplicated(from, mps_next.dup2(from, to));
}

MPS_EXPORT int dup3(int from, int to, int flags)
{
    mps_decide(from, false);
    if (from != to)
        mps_claim_leave(to);
    return duplicated(from, mps_next.dup3(from, to, flags));
}

MPS_EXPORT int fcntl(int fd, int cmd, ...)
{
    va_list ap;
    void *arg;

    va_start(ap, cmd);
    arg = va_arg(ap, void *); /* an integer argument comes the same way, as in libc itself */
    va_end(ap);
    if (cmd != F_DUPFD && cmd != F_DUPFD_CLOEXEC)
        return mps_next.fcntl(fd, cmd, arg);
    mps_decide(fd, false);
    return duplicated(fd, mps_next.fcntl(fd, cmd, arg));
}

#if __WORDSIZE == 64
MPS_EXPORT int fcntl64(int fd, int cmd, ...) __attribute__((alias("fcntl")));
#endif

/* Those closed: a copy of the table of descriptors, or a mark on them, leaves them as they are. */
MPS_EXPORT int close_range(unsigned first, unsigned last, int flags)
{
    if (flags == 0)
        mps_claim_cancel_range(first, last);
    return mps_next.close_range(first, last, flags);
}

MPS_EXPORT void closefrom(int first)
{
    mps_claim_cancel_range(first < 0 ? 0 : (unsigned)first, ~0u);
    mps_next.closefrom(first);
}

/* libc closes the number by itself. */
MPS_EXPORT int fclose(FILE *file)
{
    int saved = errno, fd = fileno(file);

    errno = saved;
    mps_claim_leave(fd);
    return mps_next_fclose(file);
}

MPS_EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    int rc;

    mps_decide(fd, false);
    if (op != EPOLL_CTL_DEL)
        mps_marking_wait(fd);
    rc = mps_next.epoll_ctl(epfd, op, fd, event);
    if (rc == 0 && mps_preload_config()) {
        if (op == EPOLL_CTL_DEL)
            mps_hints_epoll_unset(epfd, fd);
        else if (event)
            mps_hints_epoll_set(epfd, fd, event);
    }
    return rc;
}

/* A socket whose connect() has not been decided about belongs to two processes from now on. */
MPS_EXPORT pid_t fork(void)
{
    mps_hints_count_fork();
    return mps_next_fork();
}
