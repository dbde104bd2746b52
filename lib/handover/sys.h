/* SPDX-License-Identifier: MIT */
/*
 * Direct system calls. libc's functions would be entered through the symbols that the preload
 * interposes, and are cancellation points. They set errno as libc's do.
 */
#pragma once
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The kernel's sigset_t: 64 signals, including those that libc keeps for itself. */
typedef uint64_t mps_sys_sigset_t;

static inline int mps_sys_socket(int domain, int type, int protocol)
{
    return (int)syscall(SYS_socket, domain, type, protocol);
}

static inline int mps_sys_connect(int fd, const void *addr, socklen_t len)
{
    return (int)syscall(SYS_connect, fd, addr, len);
}

static inline int mps_sys_bind(int fd, const void *addr, socklen_t len)
{
    return (int)syscall(SYS_bind, fd, addr, len);
}

static inline int mps_sys_listen(int fd, int backlog)
{
    return (int)syscall(SYS_listen, fd, backlog);
}

static inline int mps_sys_accept4(int fd, void *addr, socklen_t *len, int flags)
{
    return (int)syscall(SYS_accept4, fd, addr, len, flags);
}

static inline ssize_t mps_sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    return syscall(SYS_sendmsg, fd, msg, flags);
}

static inline ssize_t mps_sys_recv(int fd, void *p, size_t len, int flags)
{
    return syscall(SYS_recvfrom, fd, p, len, flags, NULL, NULL);
}

static inline ssize_t mps_sys_recvmsg(int fd, struct msghdr *msg, int flags)
{
    return syscall(SYS_recvmsg, fd, msg, flags);
}

static inline int mps_sys_shutdown(int fd, int how)
{
    return (int)syscall(SYS_shutdown, fd, how);
}

static inline int mps_sys_getsockopt(int fd, int level, int name, void *val, socklen_t *len)
{
    return (int)syscall(SYS_getsockopt, fd, level, name, val, len);
}

static inline int mps_sys_setsockopt(int fd, int level, int name, const void *val, socklen_t len)
{
    return (int)syscall(SYS_setsockopt, fd, level, name, val, len);
}

static inline int mps_sys_getsockname(int fd, void *addr, socklen_t *len)
{
    return (int)syscall(SYS_getsockname, fd, addr, len);
}

static inline int mps_sys_getpeername(int fd, void *addr, socklen_t *len)
{
    return (int)syscall(SYS_getpeername, fd, addr, len);
}

static inline int mps_sys_fcntl(int fd, int cmd, unsigned long arg)
{
    return (int)syscall(SYS_fcntl, fd, cmd, arg);
}

static inline int mps_sys_dup3(int from, int to, int flags)
{
    return (int)syscall(SYS_dup3, from, to, flags);
}

static inline int mps_sys_close(int fd)
{
    return (int)syscall(SYS_close, fd);
}

/* fds may be NULL with n 0: a pause of ms. */
static inline int mps_sys_poll(struct pollfd *fds, unsigned n, int ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};

    return (int)syscall(SYS_ppoll, fds, (unsigned long)n, &ts, NULL, (size_t)0);
}

/* Block every signal of this thread; returns the mask to give back to mps_sys_unblock(). */
static inline mps_sys_sigset_t mps_sys_block(void)
{
    mps_sys_sigset_t all = ~(mps_sys_sigset_t)0, old = 0;

    (void)syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, &old, sizeof(old));
    return old;
}

static inline void mps_sys_unblock(mps_sys_sigset_t old)
{
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(old));
}
