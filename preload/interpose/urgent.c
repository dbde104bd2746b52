/* SPDX-License-Identifier: MIT */
#include "urgent.h"
#include <errno.h>
#include <linux/sockios.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "preload.h"

/* As many bytes are counted one by one; more are not worth it. */
#define COUNT_MAX 256

static bool at_mark(int fd)
{
    int mark = 0;

    return syscall(SYS_ioctl, fd, SIOCATMARK, &mark) == 0 && mark != 0;
}

static ssize_t peek(int fd, void *buf, size_t n)
{
    return syscall(SYS_recvfrom, fd, buf, n, MSG_PEEK | MSG_DONTWAIT, NULL, NULL);
}

int mps_urgent_flags(int fd, int flags)
{
    struct mps_ho_conn_name name;
    int mark, saved = errno;

    if (__builtin_expect(!(flags & MSG_OOB), 1) || !mps_preload_is_ours(fd, &name))
        return flags;
    if (syscall(SYS_ioctl, fd, SIOCATMARK, &mark) < 0)
        flags &= ~MSG_OOB;
    errno = saved;
    return flags;
}

/*
 * Out of line, TCP counts up to the mark, and 0 at it; the kernel counts what is behind it too, and
 * for ever the urgent bytes that were read past.
 */
int mps_urgent_readable(int fd, int n)
{
    struct mps_ho_conn_name name;
    char buf[COUNT_MAX];
    int saved = errno;
    ssize_t there;

    if (n <= 0 || !mps_preload_is_ours(fd, &name) ||
        mps_preload_option(fd, SOL_SOCKET, SO_OOBINLINE, 0))
        return n;
    if (at_mark(fd))
        return 0;
    if (n <= COUNT_MAX) {
        there = peek(fd, buf, (size_t)n);
        if (there >= 0)
            n = (int)there;
        else if (errno == EAGAIN)
            n = 0;
    }
    errno = saved;
    return n;
}

void mps_urgent_polled(struct pollfd *fds, nfds_t n)
{
    const short both = POLLIN | POLLPRI;
    struct mps_ho_conn_name name;
    int saved = errno;
    char c;

    for (nfds_t i = 0; i < n; i++) {
        if (__builtin_expect((fds[i].revents & both) != both, 1) ||
            !mps_preload_is_ours(fds[i].fd, &name))
            continue;
        if (peek(fds[i].fd, &c, 1) < 0 && errno == EAGAIN)
            fds[i].revents &= ~(POLLIN | POLLRDNORM);
        errno = saved;
    }
}
