/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into an agent: calls that fail now and then, as they do where memory is short.
 *
 *   MPS_FAULT=CALL/DOMAIN/ERRNO/EVERY   each EVERY-th such call fails with that number; DOMAIN is
 *                                       unix, inet or any, and counts for calls on stream sockets;
 *                                       accept4 on others, too
 *   MPS_FAULT=alloc/any/ENOMEM/EVERY    the same with malloc, calloc and realloc
 *
 * The first calls succeed, so that the agent comes up.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define SPARED_ALLOCATIONS 3000

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static char call[16], domain[8];
static unsigned every, error_number;
static atomic_uint n_calls, n_allocations;

__attribute__((constructor)) static void start(void)
{
    const char *spec = getenv("MPS_FAULT");
    char name[16] = "";
    static const struct {
        const char *name;
        unsigned number;
    } errors[] = {{"ENOMEM", ENOMEM},         {"ENOBUFS", ENOBUFS}, {"EINTR", EINTR},
                  {"ECONNRESET", ECONNRESET}, {"EIO", EIO},         {"EPIPE", EPIPE},
                  {"EMFILE", EMFILE},         {"ENFILE", ENFILE},   {"ECONNABORTED", ECONNABORTED}};

    if (!spec || sscanf(spec, "%15[^/]/%7[^/]/%15[^/]/%u", call, domain, name, &every) != 4)
        every = 0;
    for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (strcmp(errors[i].name, name) == 0)
            error_number = errors[i].number;
    }
}

static bool is_turn(atomic_uint *counter, unsigned spared)
{
    unsigned n = atomic_fetch_add(counter, 1);

    return every > 0 && n >= spared && n % every == every - 1;
}

static bool fails(const char *name, int fd)
{
    int saved = errno, type = 0, family = 0;
    socklen_t len = sizeof(type);

    if (every == 0 || strcmp(name, call) != 0)
        return false;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
        (type != SOCK_STREAM && strcmp(call, "accept4") != 0) ||
        getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0) {
        errno = saved;
        return false;
    }
    errno = saved;
    if (strcmp(domain, "any") != 0 && (strcmp(domain, "unix") == 0) != (family == AF_UNIX))
        return false;
    if (!is_turn(&n_calls, 0))
        return false;
    errno = (int)error_number;
    return true;
}

#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))
#define EXPORT     __attribute__((visibility("default")))

EXPORT ssize_t send(int fd, const void *p, size_t n, int flags)
{
    return fails("send", fd) ? -1 : NEXT(send)(fd, p, n, flags);
}

EXPORT ssize_t recv(int fd, void *p, size_t n, int flags)
{
    return fails("recv", fd) ? -1 : NEXT(recv)(fd, p, n, flags);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    return fails("sendmsg", fd) ? -1 : NEXT(sendmsg)(fd, msg, flags);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    return fails("recvmsg", fd) ? -1 : NEXT(recvmsg)(fd, msg, flags);
}

EXPORT int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    return fails("accept4", fd) ? -1 : NEXT(accept4)(fd, addr, len, flags);
}

EXPORT int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return fails("setsockopt", fd) ? -1 : NEXT(setsockopt)(fd, level, name, value, len);
}

EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
    return op != EPOLL_CTL_DEL && fails("epoll_ctl", fd) ? -1 : NEXT(epoll_ctl)(epfd, op, fd, ev);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    void *arg;

    va_start(ap, request);
    arg = va_arg(ap, void *);
    va_end(ap);
    return fails("ioctl", fd) ? -1 : NEXT(ioctl)(fd, request, arg);
}

static bool allocation_fails(void)
{
    if (every == 0 || strcmp(call, "alloc") != 0 || !is_turn(&n_allocations, SPARED_ALLOCATIONS))
        return false;
    errno = ENOMEM;
    return true;
}

EXPORT void *malloc(size_t size)
{
    return allocation_fails() ? NULL : __libc_malloc(size);
}

EXPORT void *calloc(size_t n, size_t size)
{
    return allocation_fails() ? NULL : __libc_calloc(n, size);
}

EXPORT void *realloc(void *p, size_t size)
{
    return size > 0 && allocation_fails() ? NULL : __libc_realloc(p, size);
}
