/* SPDX-License-Identifier: MIT */
/*
 * System calls without libc's symbols: in a process with the preload those symbols are its own
 * wrappers. Results are the kernel's: >= 0, or a negative errno value; errno itself is restored.
 * Not cancellation points.
 */
#pragma once
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline long sys_call(long nr, long a, long b, long c, long d, long e, long f)
{
    int saved = errno;
    long r = syscall(nr, a, b, c, d, e, f);

    if (r < 0)
        r = -errno;
    errno = saved;
    return r;
}

static inline int sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    return (int)sys_call(SYS_getsockopt, fd, level, name, (intptr_t)value, (intptr_t)len, 0);
}

static inline int sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return (int)sys_call(SYS_setsockopt, fd, level, name, (intptr_t)value, (long)len, 0);
}

static inline int sys_getsockname(int fd, void *addr, socklen_t *len)
{
    return (int)sys_call(SYS_getsockname, fd, (intptr_t)addr, (intptr_t)len, 0, 0, 0);
}

static inline int sys_getpeername(int fd, void *addr, socklen_t *len)
{
    return (int)sys_call(SYS_getpeername, fd, (intptr_t)addr, (intptr_t)len, 0, 0, 0);
}

static inline int sys_socket(int family, int type, int protocol)
{
    return (int)sys_call(SYS_socket, family, type, protocol, 0, 0, 0);
}

static inline int sys_bind(int fd, const void *addr, socklen_t len)
{
    return (int)sys_call(SYS_bind, fd, (intptr_t)addr, (long)len, 0, 0, 0);
}

static inline int sys_listen(int fd, int backlog)
{
    return (int)sys_call(SYS_listen, fd, backlog, 0, 0, 0, 0);
}

static inline int sys_connect(int fd, const void *addr, socklen_t len)
{
    return (int)sys_call(SYS_connect, fd, (intptr_t)addr, (long)len, 0, 0, 0);
}

static inline int sys_accept4(int fd, void *addr, socklen_t *len, int flags)
{
    return (int)sys_call(SYS_accept4, fd, (intptr_t)addr, (intptr_t)len, flags, 0, 0);
}

static inline int sys_fcntl(int fd, int cmd, long arg)
{
    return (int)sys_call(SYS_fcntl, fd, cmd, arg, 0, 0, 0);
}

static inline int sys_dup3(int oldfd, int newfd, int flags)
{
    return (int)sys_call(SYS_dup3, oldfd, newfd, flags, 0, 0, 0);
}

static inline int sys_close(int fd)
{
    return (int)sys_call(SYS_close, fd, 0, 0, 0, 0, 0);
}
