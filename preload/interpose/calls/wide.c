/* SPDX-License-Identifier: MIT */
/*
 * A 32-bit libc has more names for some of the functions: for offsets of 64 bits
 * (_FILE_OFFSET_BITS=64) and for times of 64 bits (_TIME_BITS=64). Most differ in nothing that
 * matters here; the kernel's numbers of socket options do for them.
 */
#include "wide.h"
#include <bits/wordsize.h>

#if __WORDSIZE == 64
void mps_wide_bind(void (*bind_one)(void *slot, const char *name))
{
    (void)bind_one;
}
#else
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/wait.h>
#include "interpose/preload.h"
#include "select.h"

/* Times are only handed on. */
typedef const void *time64_in;

int __fcntl_time64(int fd, int cmd, ...);
int __ioctl_time64(int fd, unsigned long request, ...);
int __getsockopt64(int fd, int level, int option, void *value, socklen_t *len);
int __setsockopt64(int fd, int level, int option, const void *value, socklen_t len);
ssize_t __recvmsg64(int fd, struct msghdr *msg, int flags);
ssize_t __sendmsg64(int fd, const struct msghdr *msg, int flags);
int __sendmmsg64(int fd, struct mmsghdr *msgs, unsigned n, int flags);
int __recvmmsg64(int fd, struct mmsghdr *msgs, unsigned n, int flags, void *timeout);
int __ppoll64(struct pollfd *fds, nfds_t n, time64_in timeout, const sigset_t *mask);
int __select64(int n, fd_set *readable, fd_set *writable, fd_set *urgent, void *timeout);
int __pselect64(int n, fd_set *readable, fd_set *writable, fd_set *urgent, time64_in timeout,
                const sigset_t *mask);
pid_t __wait3_time64(int *status, int options, void *usage);
pid_t __wait4_time64(pid_t pid, int *status, int options, void *usage);

static int direct_fcntl64(int fd, int cmd, ...)
{
    va_list ap;
    unsigned long arg;

    va_start(ap, cmd);
    arg = va_arg(ap, unsigned long);
    va_end(ap);
    return (int)syscall(SYS_fcntl64, fd, cmd, arg);
}

static ssize_t direct_sendfile64(int out, int in, off64_t *offset, size_t n)
{
    return syscall(SYS_sendfile64, out, in, offset, n);
}

static int direct_recvmmsg64(int fd, struct mmsghdr *msgs, unsigned n, int flags, void *timeout)
{
    return (int)syscall(SYS_recvmmsg_time64, fd, msgs, n, flags, timeout);
}

/* The kernel writes the rest of the time back, libc does not: two words of 64 bits. */
static int direct_ppoll64(struct pollfd *fds, nfds_t n, time64_in timeout, const sigset_t *mask)
{
    uint64_t copy[2] = {0};

    if (timeout)
        memcpy(copy, timeout, sizeof(copy));
    return (int)syscall(SYS_ppoll_time64, fds, n, timeout ? copy : NULL, mask, (size_t)8);
}

/* Seconds and microseconds; the kernel's call wants nanoseconds and writes the rest back. */
static int direct_select64(int n, fd_set *r, fd_set *w, fd_set *e, void *timeout)
{
    int64_t *tv = timeout, ts[2] = {tv ? tv[0] : 0, tv ? tv[1] * 1000 : 0};
    int rc = (int)syscall(SYS_pselect6_time64, n, r, w, e, tv ? ts : NULL, NULL);

    if (tv) {
        tv[0] = ts[0];
        tv[1] = ts[1] / 1000;
    }
    return rc;
}

static int direct_pselect64(int n, fd_set *r, fd_set *w, fd_set *e, time64_in timeout,
                            const sigset_t *mask)
{
    struct {
        const sigset_t *mask;
        size_t size;
    } sigset = {mask, 8};
    uint64_t copy[2] = {0};

    if (timeout)
        memcpy(copy, timeout, sizeof(copy));
    return (int)syscall(SYS_pselect6_time64, n, r, w, e, timeout ? copy : NULL, &sigset);
}

static struct {
    int (*fcntl64)(int fd, int cmd, ...);
    ssize_t (*sendfile64)(int out, int in, off64_t *offset, size_t n);
    int (*recvmmsg64)(int fd, struct mmsghdr *msgs, unsigned n, int flags, void *timeout);
    int (*ppoll64)(struct pollfd *fds, nfds_t n, time64_in timeout, const sigset_t *mask);
    int (*select64)(int n, fd_set *r, fd_set *w, fd_set *e, void *timeout);
    int (*pselect64)(int n, fd_set *r, fd_set *w, fd_set *e, time64_in timeout,
                     const sigset_t *mask);
} next = {direct_fcntl64, direct_sendfile64, direct_recvmmsg64,
          direct_ppoll64, direct_select64,   direct_pselect64};

void mps_wide_bind(void (*bind_one)(void *slot, const char *name))
{
    bind_one(&next.fcntl64, "fcntl64");
    bind_one(&next.sendfile64, "sendfile64");
    bind_one(&next.recvmmsg64, "__recvmmsg64");
    bind_one(&next.ppoll64, "__ppoll64");
    bind_one(&next.select64, "__select64");
    bind_one(&next.pselect64, "__pselect64");
}

MPS_EXPORT int fcntl64(int fd, int cmd, ...)
{
    va_list ap;
    void *arg;

    va_start(ap, cmd);
    arg = va_arg(ap, void *);
    va_end(ap);
    if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
        return fcntl(fd, cmd, arg);
    return next.fcntl64(fd, cmd, arg);
}

MPS_EXPORT int __fcntl_time64(int fd, int cmd, ...) __attribute__((alias("fcntl64")));

MPS_EXPORT ssize_t sendfile64(int out, int in, off64_t *offset, size_t n)
{
    mps_decide(out, true);
    return next.sendfile64(out, in, offset, n);
}

MPS_EXPORT int __ioctl_time64(int fd, unsigned long request, ...)
{
    va_list ap;
    void *arg;

    va_start(ap, request);
    arg = va_arg(ap, void *);
    va_end(ap);
    return ioctl(fd, request, arg);
}

MPS_EXPORT int __getsockopt64(int fd, int level, int option, void *value, socklen_t *len)
{
    return getsockopt(fd, level, option, value, len);
}

MPS_EXPORT int __setsockopt64(int fd, int level, int option, const void *value, socklen_t len)
{
    return setsockopt(fd, level, option, value, len);
}

MPS_EXPORT ssize_t __recvmsg64(int fd, struct msghdr *msg, int flags)
{
    return recvmsg(fd, msg, flags);
}

MPS_EXPORT ssize_t __sendmsg64(int fd, const struct msghdr *msg, int flags)
{
    return sendmsg(fd, msg, flags);
}

MPS_EXPORT int __sendmmsg64(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
    return sendmmsg(fd, msgs, n, flags);
}

MPS_EXPORT int __recvmmsg64(int fd, struct mmsghdr *msgs, unsigned n, int flags, void *timeout)
{
    mps_decide(fd, true);
    /* One message needs no limit (receive.c). */
    if (flags & (MSG_ERRQUEUE | MSG_TRUNC) || mps_hints_is_ours(fd))
        return recvmmsg(fd, msgs, timeout && n > 1 ? 1 : n, flags, NULL);
    return next.recvmmsg64(fd, msgs, n, flags, timeout);
}

MPS_EXPORT int __ppoll64(struct pollfd *fds, nfds_t n, time64_in timeout, const sigset_t *mask)
{
    mps_waits_poll(fds, n);
    return mps_waited_poll(fds, n, next.ppoll64(fds, n, timeout, mask));
}

MPS_EXPORT int __select64(int n, fd_set *readable, fd_set *writable, fd_set *urgent, void *timeout)
{
    mps_waits_select(n, readable);
    return mps_waited_select(n, readable, next.select64(n, readable, writable, urgent, timeout));
}

MPS_EXPORT int __pselect64(int n, fd_set *readable, fd_set *writable, fd_set *urgent,
                           time64_in timeout, const sigset_t *mask)
{
    mps_waits_select(n, readable);
    return mps_waited_select(n, readable,
                             next.pselect64(n, readable, writable, urgent, timeout, mask));
}

/* Four words of 64 bits for the times, then numbers as in the other struct. */
static void widen(const struct rusage *from, void *to)
{
    const int64_t times[4] = {from->ru_utime.tv_sec, from->ru_utime.tv_usec, from->ru_stime.tv_sec,
                              from->ru_stime.tv_usec};

    if (!to)
        return;
    memcpy(to, times, sizeof(times));
    memcpy((char *)to + sizeof(times), &from->ru_maxrss,
           sizeof(*from) - offsetof(struct rusage, ru_maxrss));
}

MPS_EXPORT pid_t __wait4_time64(pid_t pid, int *status, int options, void *usage)
{
    struct rusage narrow;
    pid_t rc = wait4(pid, status, options, usage ? &narrow : NULL);

    if (rc > 0)
        widen(&narrow, usage);
    return rc;
}

MPS_EXPORT pid_t __wait3_time64(int *status, int options, void *usage)
{
    return __wait4_time64(-1, status, options, usage);
}
#endif
