/* SPDX-License-Identifier: MIT */
#pragma GCC diagnostic ignored                                                                     \
    "-Wpedantic" /* dlsym(3) gives functions as objects; libc has unions for addresses */
#include "callsweep.h"

/* The libraries are to find these functions, too. */
#pragma GCC visibility push(default)

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

/* Not errors: the call does less than it was asked for. */
#define ONE_BYTE   (-1)
#define HALF_OF_IT (-2)

#define KIND_ERRORS 9
#define NS_IN_S     1000000000ll
#define ONE_MS      1000000ll

/* The kinds of calls, with their plausible errors. */
#define KINDS(X)                                                                                   \
    X(recv, EAGAIN, EINTR, ENOMEM, ENOBUFS, ECONNRESET, ONE_BYTE, HALF_OF_IT)                      \
    X(recvmsg, EAGAIN, EINTR, ENOMEM, ENOBUFS, ECONNRESET, ONE_BYTE, HALF_OF_IT)                   \
    X(send, EAGAIN, EINTR, ENOMEM, ENOBUFS, ECONNRESET, ONE_BYTE, HALF_OF_IT, EPIPE)               \
    X(sendmsg, EAGAIN, EINTR, ENOMEM, ENOBUFS, ECONNRESET, ONE_BYTE, HALF_OF_IT, EPIPE)            \
    X(sendto, EAGAIN, EINTR, ENOMEM, ENOBUFS, ECONNREFUSED)                                        \
    X(read, EAGAIN, EINTR, EIO, ONE_BYTE)                                                          \
    X(write, EAGAIN, EINTR, EIO, ENOSPC, ONE_BYTE)                                                 \
    X(splice, EAGAIN, EINTR, ENOMEM, EINVAL, EPIPE, ONE_BYTE, HALF_OF_IT)                          \
    X(pipe2, EMFILE, ENFILE, ENOMEM)                                                               \
    X(accept4, EAGAIN, EINTR, ENOMEM, ENOBUFS, EMFILE, ENFILE, ECONNABORTED)                       \
    X(socket, ENOMEM, ENOBUFS, EMFILE, ENFILE, EACCES)                                             \
    X(socketpair, ENOMEM, EMFILE, ENFILE)                                                          \
    X(bind, ENOMEM, EADDRINUSE, EADDRNOTAVAIL, EACCES)                                             \
    X(listen, ENOMEM, EADDRINUSE)                                                                  \
    X(connect, ENOMEM, EADDRNOTAVAIL, ECONNREFUSED, ENETUNREACH, EINTR)                            \
    X(shutdown, ENOTCONN)                                                                          \
    X(getsockname, ENOBUFS)                                                                        \
    X(getpeername, ENOBUFS, ENOTCONN)                                                              \
    X(getsockopt, ENOMEM, ENOPROTOOPT)                                                             \
    X(setsockopt, ENOMEM, EINTR, ENOPROTOOPT, EPERM)                                               \
    X(ioctl, ENOMEM, EINTR)                                                                        \
    X(poll, EINTR, ENOMEM)                                                                         \
    X(epoll_ctl, ENOMEM, ENOSPC)                                                                   \
    X(epoll_create1, EMFILE, ENFILE, ENOMEM)                                                       \
    X(epoll_wait, EINTR)                                                                           \
    X(eventfd, EMFILE, ENFILE, ENOMEM)                                                             \
    X(open, EMFILE, ENFILE, ENOMEM, EACCES)                                                        \
    X(openat, EMFILE, ENFILE, ENOMEM, EACCES, ENOSPC)                                              \
    X(fstat, ENOMEM)                                                                               \
    X(memfd_create, EMFILE, ENFILE, ENOMEM)                                                        \
    X(malloc, ENOMEM)                                                                              \
    X(calloc, ENOMEM)                                                                              \
    X(realloc, ENOMEM)

#define KIND_NAME(name, ...) K_##name,
#define KIND_ROW(name, ...)  {#name, {__VA_ARGS__}},

enum kind { KINDS(KIND_NAME) };

static const struct {
    const char *name;
    int errors[KIND_ERRORS]; /* up to the first 0 */
} kinds[] = {KINDS(KIND_ROW)};

static bool counts, exhausted, lasting;
static unsigned long wanted, seen;
static unsigned nth_error;
static int failed_kind = -1, failed_error;
static void *failed_at;
static unsigned long long persist_ns;
static bool of_loop[CALLSWEEP_MAX];
static long long lack_end, clock_offset;
static long live;

/* The real function behind the one of this file; found without any allocation of ours. */
#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

static long long real_ns(clockid_t which)
{
    struct timespec t;

    syscall(SYS_clock_gettime, which, &t);
    return t.tv_sec * NS_IN_S + t.tv_nsec;
}

static bool is_stream(int fd)
{
    int type = 0;
    socklen_t len = sizeof(type);

    return syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
           type == SOCK_STREAM;
}

/* An AF_UNIX stream says so only where the reader has closed that direction. */
static bool is_truth(int fd, int error)
{
    int domain = 0;
    socklen_t len = sizeof(domain);

    return error == EPIPE &&
           syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
           domain == AF_UNIX;
}

static bool is_short(int error)
{
    return error == ONE_BYTE || error == HALF_OF_IT;
}

/* The error with which this call is to fail, 0: none. */
static int turn(enum kind kind, void *caller)
{
    if (!counts)
        return 0;
    seen++;
    if ((kind == K_epoll_ctl || kind == K_epoll_wait) && seen < CALLSWEEP_MAX)
        of_loop[seen] = true;
    if (wanted > 0 && seen == wanted) {
        for (unsigned i = 0; i <= nth_error; i++) {
            if (i == KIND_ERRORS || kinds[kind].errors[i] == 0) {
                exhausted = true;
                return 0;
            }
        }
        failed_kind = (int)kind;
        failed_error = kinds[kind].errors[nth_error];
        failed_at = caller;
        /* These come one by one. */
        lasting = persist_ns > 0 && !is_short(failed_error) && failed_error != EINTR &&
                  failed_error != EAGAIN;
        lack_end = real_ns(CLOCK_MONOTONIC) + clock_offset + (long long)persist_ns;
    } else if (!lasting || (int)kind != failed_kind) {
        return 0;
    } else if (real_ns(CLOCK_MONOTONIC) + clock_offset > lack_end) {
        lasting = false;
        return 0;
    }
    if (!is_short(failed_error))
        errno = failed_error;
    return failed_error;
}

/* The same for a call on a descriptor that may do less: of streams only. */
static int turn_of(enum kind kind, int fd, void *caller)
{
    int error = turn(kind, caller);

    if ((is_short(error) && !is_stream(fd)) || is_truth(fd, error)) {
        exhausted = true;
        return 0;
    }
    return error;
}

static size_t less(size_t n, int error)
{
    if (n < 2 || !is_short(error))
        return n;
    return error == ONE_BYTE ? 1 : (n + 1) / 2;
}

void callsweep_arm(unsigned long n, unsigned k)
{
    counts = exhausted = lasting = false;
    memset(of_loop, 0, sizeof(of_loop));
    wanted = n;
    nth_error = k;
    seen = 0;
    failed_kind = -1;
    failed_error = 0;
    failed_at = NULL;
    persist_ns = 0;
}

bool callsweep_is_of_loop(unsigned long n)
{
    return n < CALLSWEEP_MAX && of_loop[n];
}

void callsweep_persist(unsigned long long ns)
{
    persist_ns = ns;
}

void callsweep_on(void)
{
    counts = true;
}

void callsweep_off(void)
{
    counts = false;
}

bool callsweep_over(void)
{
    return seen < wanted;
}

bool callsweep_exhausted(void)
{
    return exhausted;
}

const char *callsweep_what(void)
{
    static char text[64];

    if (failed_kind < 0)
        return "";
    snprintf(text, sizeof(text), "%s: %s", kinds[failed_kind].name,
             failed_error == ONE_BYTE     ? "one byte"
             : failed_error == HALF_OF_IT ? "half"
                                          : strerrorname_np(failed_error));
    return text;
}

static bool moves_bytes(int kind)
{
    return kind == K_splice || kind == K_recv || kind == K_recvmsg || kind == K_send ||
           kind == K_sendmsg || kind == K_ioctl || kind == K_poll || kind == K_epoll_ctl ||
           kind == K_epoll_wait;
}

bool callsweep_is_lack(void)
{
    return moves_bytes(failed_kind) &&
           (is_short(failed_error) || failed_error == EAGAIN || failed_error == EINTR ||
            failed_error == ENOMEM || failed_error == ENOBUFS);
}

const char *callsweep_where(void)
{
    static char text[64];
    const char *file;
    Dl_info info;

    if (!failed_at || !dladdr(failed_at, &info))
        return "";
    file = strrchr(info.dli_fname, '/');
    snprintf(text, sizeof(text), "%.40s+%#lx", file ? file + 1 : info.dli_fname,
             (unsigned long)((char *)failed_at - (char *)info.dli_fbase));
    return text;
}

long callsweep_live(void)
{
    return live;
}

/* ---- the clocks ---- */

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

    if (turn(K_epoll_wait, CALLER))
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
    int error = turn_of(K_recv, fd, CALLER);

    return error > 0 ? -1 : NEXT(recv)(fd, p, less(n, error), flags);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    int error = turn_of(K_send, fd, CALLER);

    return error > 0 ? -1 : NEXT(send)(fd, p, less(n, error), flags);
}

ssize_t sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t len)
{
    return turn(K_sendto, CALLER) ? -1 : NEXT(sendto)(fd, p, n, flags, to, len);
}

/* `part` is a message with so much less room; false: the message is to be left as it is. */
static bool shorten(const struct msghdr *msg, int error, struct msghdr *part, struct iovec *iov)
{
    size_t sum = 0, left;

    if (!is_short(error) || msg->msg_iovlen == 0 || msg->msg_iovlen > 64)
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
    int error = turn_of(K_recvmsg, fd, CALLER);
    struct msghdr part;
    struct iovec iov[64];

    if (error > 0)
        return -1;
    return NEXT(recvmsg)(fd, shorten(msg, error, &part, iov) ? &part : msg, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    int error = turn_of(K_sendmsg, fd, CALLER);
    struct msghdr part;
    struct iovec iov[64];

    if (error > 0)
        return -1;
    return NEXT(sendmsg)(fd, shorten(msg, error, &part, iov) ? &part : msg, flags);
}

ssize_t splice(int in, off_t *in_at, int out, off_t *out_at, size_t n, unsigned flags)
{
    int error = turn(K_splice, CALLER);

    return error > 0 ? -1 : NEXT(splice)(in, in_at, out, out_at, less(n, error), flags);
}

int pipe2(int fd[2], int flags)
{
    return turn(K_pipe2, CALLER) ? -1 : NEXT(pipe2)(fd, flags);
}

int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    return turn(K_accept4, CALLER) ? -1 : NEXT(accept4)(fd, addr, len, flags);
}

int socket(int domain, int type, int protocol)
{
    return turn(K_socket, CALLER) ? -1 : NEXT(socket)(domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int fds[2])
{
    return turn(K_socketpair, CALLER) ? -1 : NEXT(socketpair)(domain, type, protocol, fds);
}

int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return turn(K_bind, CALLER) ? -1 : NEXT(bind)(fd, addr, len);
}

int listen(int fd, int backlog)
{
    return turn(K_listen, CALLER) ? -1 : NEXT(listen)(fd, backlog);
}

int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    return turn(K_connect, CALLER) ? -1 : NEXT(connect)(fd, addr, len);
}

int shutdown(int fd, int how)
{
    return turn(K_shutdown, CALLER) ? -1 : NEXT(shutdown)(fd, how);
}

int getsockname(int fd, struct sockaddr *restrict addr, socklen_t *restrict len)
{
    return turn(K_getsockname, CALLER) ? -1 : NEXT(getsockname)(fd, addr, len);
}

int getpeername(int fd, struct sockaddr *restrict addr, socklen_t *restrict len)
{
    return turn(K_getpeername, CALLER) ? -1 : NEXT(getpeername)(fd, addr, len);
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
    return turn(K_getsockopt, CALLER) ? -1 : NEXT(getsockopt)(fd, level, name, value, len);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return turn(K_setsockopt, CALLER) ? -1 : NEXT(setsockopt)(fd, level, name, value, len);
}

/* ---- other descriptors ---- */

int ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    void *arg;

    va_start(ap, request);
    arg = va_arg(ap, void *);
    va_end(ap);
    return turn(K_ioctl, CALLER) ? -1 : NEXT(ioctl)(fd, request, arg);
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    return turn(K_poll, CALLER) ? -1 : NEXT(poll)(fds, n, timeout);
}

/* Nothing but one more descriptor needs room. */
int epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev)
{
    int r = NEXT(epoll_ctl)(epfd, op, fd, ev), error;

    if (op != EPOLL_CTL_ADD || r < 0 || !turn(K_epoll_ctl, CALLER))
        return r;
    error = errno;
    NEXT(epoll_ctl)(epfd, EPOLL_CTL_DEL, fd, ev);
    errno = error;
    return -1;
}

int epoll_create1(int flags)
{
    return turn(K_epoll_create1, CALLER) ? -1 : NEXT(epoll_create1)(flags);
}

int eventfd(unsigned initial, int flags)
{
    return turn(K_eventfd, CALLER) ? -1 : NEXT(eventfd)(initial, flags);
}

ssize_t read(int fd, void *p, size_t n)
{
    int error = turn(K_read, CALLER);

    return error > 0 ? -1 : NEXT(read)(fd, p, less(n, error));
}

ssize_t write(int fd, const void *p, size_t n)
{
    int error = turn(K_write, CALLER);

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
    return turn(K_open, CALLER) ? -1 : NEXT(open)(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    unsigned mode;
    va_list ap;

    va_start(ap, flags);
    mode = mode_of(flags, ap);
    va_end(ap);
    return turn(K_openat, CALLER) ? -1 : NEXT(openat)(dir, path, flags, mode);
}

int fstat(int fd, struct stat *ret)
{
    return turn(K_fstat, CALLER) ? -1 : NEXT(fstat)(fd, ret);
}

int memfd_create(const char *name, unsigned flags)
{
    return turn(K_memfd_create, CALLER) ? -1 : NEXT(memfd_create)(name, flags);
}

/* ---- memory ---- */

void *malloc(size_t size)
{
    void *p = turn(K_malloc, CALLER) ? NULL : __libc_malloc(size);

    live += p != NULL;
    return p;
}

void *calloc(size_t n, size_t size)
{
    void *p = turn(K_calloc, CALLER) ? NULL : __libc_calloc(n, size);

    live += p != NULL;
    return p;
}

void *realloc(void *p, size_t size)
{
    void *q = size > 0 && turn(K_realloc, CALLER) ? NULL : __libc_realloc(p, size);

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
