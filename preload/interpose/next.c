/* SPDX-License-Identifier: MIT */
#include "next.h"
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include "interpose/calls/exec.h"
#include "interpose/calls/wide.h"

/*
 * Up to glibc 2.33 dlsym() was in a library of its own, which not every program loads: calls go to
 * the kernel then. The version is the oldest one, which later ones still have.
 */
extern __typeof__(dlsym) dlsym __attribute__((weak));
#if defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");
#elif defined(__GLIBC__) && defined(__i386__)
__asm__(".symver dlsym, dlsym@GLIBC_2.0");
#elif defined(__GLIBC__) && defined(__aarch64__)
__asm__(".symver dlsym, dlsym@GLIBC_2.17");
#endif

static int direct_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
                        const sigset_t *mask)
{
    struct timespec copy; /* the kernel writes the rest of the time back, libc does not */

    if (timeout)
        copy = *timeout;
    return (int)syscall(SYS_ppoll, fds, n, timeout ? &copy : NULL, mask,
                        (size_t)MPS_KERNEL_SIGSET_SIZE);
}

static int direct_poll(struct pollfd *fds, nfds_t n, int ms)
{
    struct timespec timeout = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    return direct_ppoll(fds, n, ms < 0 ? NULL : &timeout, NULL);
}

static int direct_pselect(int n, fd_set *r, fd_set *w, fd_set *e, const struct timespec *timeout,
                          const sigset_t *mask)
{
    struct timespec copy;
    struct {
        const sigset_t *mask;
        size_t size;
    } sigset = {mask, MPS_KERNEL_SIGSET_SIZE};

    if (timeout)
        copy = *timeout;
    return (int)syscall(SYS_pselect6, n, r, w, e, timeout ? &copy : NULL, &sigset);
}

/* The rest of the time is not written back, as POSIX allows. */
static int direct_select(int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout)
{
    struct timespec ts = {0};

    if (timeout) {
        ts.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
        ts.tv_nsec = timeout->tv_usec % 1000000 * 1000;
    }
    return direct_pselect(n, r, w, e, timeout ? &ts : NULL, NULL);
}

/* The kernel's call has times of 64 bits only. */
static int direct_epoll_pwait2(int epfd, struct epoll_event *events, int n,
                               const struct timespec *timeout, const sigset_t *mask)
{
    int64_t ts[2] = {timeout ? timeout->tv_sec : 0, timeout ? timeout->tv_nsec : 0};

    return (int)syscall(SYS_epoll_pwait2, epfd, events, n, timeout ? ts : NULL, mask,
                        (size_t)MPS_KERNEL_SIGSET_SIZE);
}

static int direct_dup2(int from, int to)
{
    if (from == to)
        return syscall(SYS_fcntl, from, F_GETFD, 0) < 0 ? -1 : to;
    return (int)syscall(SYS_dup3, from, to, 0);
}

static int direct_fcntl(int fd, int cmd, ...)
{
    va_list ap;
    unsigned long arg;

    va_start(ap, cmd);
    arg = va_arg(ap, unsigned long);
    va_end(ap);
    return (int)syscall(SYS_fcntl, fd, cmd, arg);
}

static int direct_ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    unsigned long arg;

    va_start(ap, request);
    arg = va_arg(ap, unsigned long);
    va_end(ap);
    return (int)syscall(SYS_ioctl, fd, request, arg);
}

static void direct_closefrom(int first)
{
    (void)syscall(SYS_close_range, first < 0 ? 0 : first, ~0u, 0);
}

#define X(result, name, params, direct)                                                            \
    static result direct_call_##name params                                                        \
    {                                                                                              \
        return (result)direct;                                                                     \
    }
MPS_NEXT_FUNCTIONS(X)
#undef X

struct mps_next mps_next = {
#define X(result, name, params, direct) .name = direct_call_##name,
    MPS_NEXT_FUNCTIONS(X)
#undef X
        .fcntl = direct_fcntl,
    .ioctl = direct_ioctl,
    .closefrom = direct_closefrom,
};

/* Other threads may be calling already: each pointer changes as a whole. */
void mps_next_bind_one(void *slot, const char *name)
{
    void *(*volatile look)(void *, const char *) = dlsym;
    void *found = look ? look(RTLD_NEXT, name) : NULL;

    if (found)
        __atomic_store((void **)slot, &found, __ATOMIC_RELAXED);
}

/* A program may have its own copy of libc's variable: then libc uses that one, too. */
static void bind_single_threaded(void)
{
    void *(*volatile look)(void *, const char *) = dlsym;
    const char *found = look ? look(RTLD_DEFAULT, "__libc_single_threaded") : NULL;

    __atomic_store_n(&mps_next.single_threaded, found, __ATOMIC_RELAXED);
}

void mps_next_bind(void)
{
    bind_single_threaded();
#define X(result, name, params, direct) mps_next_bind_one(&mps_next.name, #name);
    MPS_NEXT_FUNCTIONS(X)
#undef X
    mps_next_bind_one(&mps_next.fcntl, "fcntl");
    mps_next_bind_one(&mps_next.ioctl, "ioctl");
    mps_next_bind_one(&mps_next.closefrom, "closefrom");
    mps_next_bind_one(&mps_next.fork, "fork");
    mps_next_bind_one(&mps_next.fclose, "fclose");
    mps_wide_bind(mps_next_bind_one);
    mps_exec_bind();
}

pid_t mps_next_fork(void)
{
    if (!mps_next.fork)
        mps_next_bind_one(&mps_next.fork, "fork");
    if (!mps_next.fork) {
        errno = ENOSYS;
        return -1;
    }
    return mps_next.fork();
}

int mps_next_fclose(FILE *file)
{
    if (!mps_next.fclose)
        mps_next_bind_one(&mps_next.fclose, "fclose");
    if (!mps_next.fclose) {
        errno = ENOSYS;
        return EOF;
    }
    return mps_next.fclose(file);
}
