/* SPDX-License-Identifier: MIT */
/* The calls that fail or do less when it is their turn, and the clocks. */
#pragma GCC diagnostic ignored                                                                     \
    "-Wpedantic" /* dlsym(3) gives functions as objects; libc has unions for addresses */
#include "callsweep.h"
#include "callsweep_int.h"

/* The libraries are to find these functions, too. */
#pragma GCC visibility push(default)

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void __libc_free(void *p);

#define NS_IN_S 1000000000ll
#define ONE_MS  1000000ll

static long long clock_offset;
static long live;

/* The real function behind the one of this file; found without any allocation of ours. */
#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static size_t less(size_t n, int error)
{
    if (n < 2 || !callsweep_is_short(error))
        return n;
    return error == ONE_BYTE ? 1 : (n + 1) / 2;
}

/* ---- the clocks ---- */

static long long real_ns(clockid_t which)
{
    struct timespec t;

    syscall(SYS_clock_gettime, which, &t);
    return t.tv_sec * NS_IN_S + t.tv_nsec;
}

long long callsweep_now(void)
{
    return real_ns(CLOCK_MONOTONIC) + clock_offset;
}

int clock_gettime(clockid_t which, struct timespec *ret)
{
    long long ns = real_ns(which) + clock_offset;

    ret->tv_sec = ns / NS_IN_S;
    ret->tv_nsec = ns % NS_IN_S;
    return 0;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    long long ns = real_ns(CLOCK_REALTIME) + clock_offset;

    (void)zone;
    ret->tv_sec = ns / NS_IN_S;
    ret->tv_usec = ns % NS_IN_S / 1000;
    return 0;
}

int nanosleep(const struct timespec *want, struct timespec *left)
{
    (void)left;
    clock_offset += want->tv_sec * NS_IN_S + want->tv_nsec;
    return 0;
}

#define CALLER __builtin_return_address(0)

int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
    int n;

    if (callsweep_turn(K_epoll_wait, CALLER))
        return -1;
    n = NEXT(epoll_wait)(epfd, events, max, 0);
    if (n != 0 || timeout == 0)
        return n;
    /* The kernel may be about to bring something. */
    n = NEXT(epoll_wait)(epfd, events, max, 1);
    if (n == 0)
        clock_offset += timeout > 0 ? timeout * ONE_MS : NS_IN_S;
    return n;
}

/* ---- sockets ---- */

ssize_t recv(int fd, void *p, size_t n, int flags)
{
    int error = callsweep_turn_of(K_recv, fd, CALLER);

    return error > 0 ? -1 : NEXT(recv)(fd, p, less(n, error), flags);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    int error = callsweep_turn_of(K_send, fd, CALLER);

    return error > 0 ? -1 : NEXT(send)(fd, p, less(n, error), flags);
}

ssize_t sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t len)
{
    return callsweep_turn(K_sendto, CALLER) ? -1 : NEXT(sendto)(fd, p, n, flags, to, len);
}

/* `part` is a message with so much less room; false: the message is to be left as it is. */
static bool shorten(const struct msghdr *msg, int error, struct msghdr *part, struct iovec *iov)
{
    size_t sum = 0, left;

    if (!callsweep_is_short(error) || msg->msg_iovlen == 0 || msg->msg_iovlen > 64)
        return false;
    *part = *msg;
    part->msg_iov = iov;
    for (size_t i = 0; i < msg->msg_iovlen; i++)
        sum += msg->msg_iov[i].iov_len;
    left = less(sum, error);
    for (part->msg_iovlen = 0; left > 0; part->msg_iovlen++) {
        iov[part->msg_iovlen] = msg->msg_iov[part->msg_iovlen];
        if (iov[part->msg_iovlen].iov_len > left)
            iov[part->msg_iovlen].iov_len = left;
        left -= iov[part->msg_iovlen].iov_len;
    }
    return true;
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    int error = callsweep_turn_of(K_recvmsg, fd, CALLER);
    struct msghdr part;
    struct iovec iov[64];

    if (error > 0)
        return -1;
    return NEXT(recvmsg)(fd, shorten(msg, error, &part, iov) ? &part : msg, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    int error = callsweep_turn_of(K_sendmsg, fd, CALLER);
    struct msghdr part;
    struct iovec iov[64];

    if (error > 0)
        return -1;
    return NEXT(sendmsg)(fd, shorten(msg, error, &part, iov) ? &part : msg, flags);
}

ssize_t splice(int in, off_t *in_at, int out, off_t *out_at, size_t n, unsigned flags)
{
    int error = callsweep_turn(K_splice, CALLER);

    return error > 0 ? -1 : NEXT(splice)(in, in_at, out, out_at, less(n, error), flags);
}

int pipe2(int fd[2], int flags)
{
    return callsweep_turn(K_pipe2, CALLER) ? -1 : NEXT(pipe2)(fd, flags);
}

int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    return callsweep_turn(K_accept4, CALLER) ? -1 : NEXT(accept4)(fd, addr, len, flags);
}

int socket(int domain, int type, int protocol)
{
    return callsweep_turn(K_socket, CALLER) ? -1 : NEXT(socket)(domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    return callsweep_turn(K_socketpair, CALLER) ? -1
                                                : NEXT(socketpair)(domain, type, protocol, fds);
}

int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return callsweep_turn(K_bind, CALLER) ? -1 : NEXT(bind)(fd, addr, len);
}

int listen(int fd, int backlog)
{
    return callsweep_turn(K_listen, CALLER) ? -1 : NEXT(listen)(fd, backlog);
}

int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    return callsweep_turn(K_connect, CALLER) ? -1 : NEXT(connect)(fd, addr, len);
}

int shutdown(int fd, int how)
{
    return callsweep_turn(K_shutdown, CALLER) ? -1 : NEXT(shutdown)(fd, how);
}

int getsockname(int fd, struct sockaddr *restrict addr, socklen_t *restrict len)
{
    return callsweep_turn(K_getsockname, CALLER) ? -1 : NEXT(getsockname)(fd, addr, len);
}

int getpeername(int fd, struct sockaddr *restrict addr, socklen_t *restrict len)
{
    return callsweep_turn(K_getpeername, CALLER) ? -1 : NEXT(getpeername)(fd, addr, len);
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
    return callsweep_turn(K_getsockopt, CALLER) ? -1
                                                : NEXT(getsockopt)(fd, level, name, value, len);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return callsweep_turn(K_setsockopt, CALLER) ? -1
                                                : NEXT(setsockopt)(fd, level, name, value, len);
}

/* ---- other descriptors ---- */

int ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    void *arg;

    va_start(ap, request);
    arg = va_arg(ap, void *);
    va_end(ap);
    return callsweep_turn(K_ioctl, CALLER) ? -1 : NEXT(ioctl)(fd, request, arg);
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    return callsweep_turn(K_poll, CALLER) ? -1 : NEXT(poll)(fds, n, timeout);
}

/* Nothing but one more descriptor needs room. */
int epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
    int r = NEXT(epoll_ctl)(epfd, op, fd, ev), error;

    if (op != EPOLL_CTL_ADD || r < 0 || !callsweep_turn(K_epoll_ctl, CALLER))
        return r;
    error = errno;
    NEXT(epoll_ctl)(epfd, EPOLL_CTL_DEL, fd, ev);
    errno = error;
    return -1;
}

int epoll_create1(int flags)
{
    return callsweep_turn(K_epoll_create1, CALLER) ? -1 : NEXT(epoll_create1)(flags);
}

int eventfd(unsigned initial, int flags)
{
    return callsweep_turn(K_eventfd, CALLER) ? -1 : NEXT(eventfd)(initial, flags);
}

ssize_t read(int fd, void *p, size_t n)
{
    int error = callsweep_turn(K_read, CALLER);

    return error > 0 ? -1 : NEXT(read)(fd, p, less(n, error));
}

ssize_t write(int fd, const void *p, size_t n)
{
    int error = callsweep_turn(K_write, CALLER);

    return error > 0 ? -1 : NEXT(write)(fd, p, less(n, error));
}

static unsigned mode_of(int flags, va_list ap)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, unsigned) : 0;
}

int open(const char *path, int flags, ...)
{
    unsigned mode;
    va_list ap;

    va_start(ap, flags);
    mode = mode_of(flags, ap);
    va_end(ap);
    return callsweep_turn(K_open, CALLER) ? -1 : NEXT(open)(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    unsigned mode;
    va_list ap;

    va_start(ap, flags);
    mode = mode_of(flags, ap);
    va_end(ap);
    return callsweep_turn(K_openat, CALLER) ? -1 : NEXT(openat)(dir, path, flags, mode);
}

int fstat(int fd, struct stat *ret)
{
    return callsweep_turn(K_fstat, CALLER) ? -1 : NEXT(fstat)(fd, ret);
}

int memfd_create(const char *name, unsigned flags)
{
    return callsweep_turn(K_memfd_create, CALLER) ? -1 : NEXT(memfd_create)(name, flags);
}

/* ---- memory ---- */

void *malloc(size_t size)
{
    void *p = callsweep_turn(K_malloc, CALLER) ? NULL : __libc_malloc(size);

    live += p != NULL;
    return p;
}

void *calloc(size_t n, size_t size)
{
    void *p = callsweep_turn(K_calloc, CALLER) ? NULL : __libc_calloc(n, size);

    live += p != NULL;
    return p;
}

void *realloc(void *p, size_t size)
{
    void *q = size > 0 && callsweep_turn(K_realloc, CALLER) ? NULL : __libc_realloc(p, size);

    if (!p)
        live += q != NULL;
    else if (size == 0)
        live -= q == NULL;
    return q;
}

void free(void *p)
{
    live -= p != NULL;
    __libc_free(p);
}

long callsweep_live(void)
{
    return live;
}
