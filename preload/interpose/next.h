/* SPDX-License-Identifier: MIT */
/*
 * The functions behind ours: the next definition in search order (usually libc's). Before the
 * constructor has bound them, and where there is none, a direct system call does the same, so that
 * programs whose allocator reads or opens something before main work, and dlsym() is never called
 * from a wrapper.
 */
#pragma once
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

#define MPS_KERNEL_SIGSET_SIZE 8

typedef const struct sockaddr *mps_addr_in;
typedef struct sockaddr *mps_addr_out;

/* X(result, name, parameters, direct call) */
#define MPS_NEXT_FUNCTIONS(X)                                                                      \
    X(int, socket, (int d, int t, int p), syscall(SYS_socket, d, t, p))                            \
    X(int, connect, (int fd, mps_addr_in a, socklen_t l), syscall(SYS_connect, fd, a, l))          \
    X(int, bind, (int fd, mps_addr_in a, socklen_t l), syscall(SYS_bind, fd, a, l))                \
    X(int, listen, (int fd, int n), syscall(SYS_listen, fd, n))                                    \
    X(int, accept, (int fd, mps_addr_out a, socklen_t *l), syscall(SYS_accept4, fd, a, l, 0))      \
    X(int, accept4, (int fd, mps_addr_out a, socklen_t *l, int f),                                 \
      syscall(SYS_accept4, fd, a, l, f))                                                           \
    X(int, getsockname, (int fd, mps_addr_out a, socklen_t *l),                                    \
      syscall(SYS_getsockname, fd, a, l))                                                          \
    X(int, getpeername, (int fd, mps_addr_out a, socklen_t *l),                                    \
      syscall(SYS_getpeername, fd, a, l))                                                          \
    X(int, getsockopt, (int fd, int lv, int n, void *v, socklen_t *l),                             \
      syscall(SYS_getsockopt, fd, lv, n, v, l))                                                    \
    X(int, setsockopt, (int fd, int lv, int n, const void *v, socklen_t l),                        \
      syscall(SYS_setsockopt, fd, lv, n, v, l))                                                    \
    X(int, close, (int fd), syscall(SYS_close, fd))                                                \
    X(int, close_range, (unsigned a, unsigned b, int f), syscall(SYS_close_range, a, b, f))        \
    X(int, shutdown, (int fd, int how), syscall(SYS_shutdown, fd, how))                            \
    X(int, dup, (int fd), syscall(SYS_dup, fd))                                                    \
    X(int, dup2, (int a, int b), direct_dup2(a, b))                                                \
    X(int, dup3, (int a, int b, int f), syscall(SYS_dup3, a, b, f))                                \
    X(int, epoll_ctl, (int e, int op, int fd, struct epoll_event *ev),                             \
      syscall(SYS_epoll_ctl, e, op, fd, ev))                                                       \
    X(int, epoll_wait, (int e, struct epoll_event *ev, int n, int ms),                             \
      syscall(SYS_epoll_pwait, e, ev, n, ms, NULL, (size_t)MPS_KERNEL_SIGSET_SIZE))                \
    X(int, epoll_pwait, (int e, struct epoll_event *ev, int n, int ms, const sigset_t *s),         \
      syscall(SYS_epoll_pwait, e, ev, n, ms, s, (size_t)MPS_KERNEL_SIGSET_SIZE))                   \
    X(int, epoll_pwait2,                                                                           \
      (int e, struct epoll_event *ev, int n, const struct timespec *t, const sigset_t *s),         \
      direct_epoll_pwait2(e, ev, n, t, s))                                                         \
    X(int, poll, (struct pollfd * p, nfds_t n, int ms), direct_poll(p, n, ms))                     \
    X(int, ppoll, (struct pollfd * p, nfds_t n, const struct timespec *t, const sigset_t *s),      \
      direct_ppoll(p, n, t, s))                                                                    \
    X(int, select, (int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *t),                    \
      direct_select(n, r, w, e, t))                                                                \
    X(int, pselect,                                                                                \
      (int n, fd_set *r, fd_set *w, fd_set *e, const struct timespec *t, const sigset_t *s),       \
      direct_pselect(n, r, w, e, t, s))                                                            \
    X(ssize_t, read, (int fd, void *b, size_t n), syscall(SYS_read, fd, b, n))                     \
    X(ssize_t, readv, (int fd, const struct iovec *v, int n), syscall(SYS_readv, fd, v, n))        \
    X(ssize_t, recv, (int fd, void *b, size_t n, int f),                                           \
      syscall(SYS_recvfrom, fd, b, n, f, NULL, NULL))                                              \
    X(ssize_t, recvfrom, (int fd, void *b, size_t n, int f, mps_addr_out a, socklen_t *l),         \
      syscall(SYS_recvfrom, fd, b, n, f, a, l))                                                    \
    X(ssize_t, recvmsg, (int fd, struct msghdr *m, int f), syscall(SYS_recvmsg, fd, m, f))         \
    X(int, recvmmsg, (int fd, struct mmsghdr *m, unsigned n, int f, struct timespec *t),           \
      syscall(SYS_recvmmsg, fd, m, n, f, t))                                                       \
    X(ssize_t, write, (int fd, const void *b, size_t n), syscall(SYS_write, fd, b, n))             \
    X(ssize_t, writev, (int fd, const struct iovec *v, int n), syscall(SYS_writev, fd, v, n))      \
    X(ssize_t, send, (int fd, const void *b, size_t n, int f),                                     \
      syscall(SYS_sendto, fd, b, n, f, NULL, 0))                                                   \
    X(ssize_t, sendto, (int fd, const void *b, size_t n, int f, mps_addr_in a, socklen_t l),       \
      syscall(SYS_sendto, fd, b, n, f, a, l))                                                      \
    X(ssize_t, sendmsg, (int fd, const struct msghdr *m, int f), syscall(SYS_sendmsg, fd, m, f))   \
    X(int, sendmmsg, (int fd, struct mmsghdr *m, unsigned n, int f),                               \
      syscall(SYS_sendmmsg, fd, m, n, f))                                                          \
    X(ssize_t, sendfile, (int o, int i, off_t *off, size_t n),                                     \
      syscall(SYS_sendfile, o, i, off, n))                                                         \
    X(ssize_t, splice, (int i, off64_t *io, int o, off64_t *oo, size_t n, unsigned f),             \
      syscall(SYS_splice, i, io, o, oo, n, f))                                                     \
    X(ssize_t, __read_chk, (int fd, void *b, size_t n, size_t s), syscall(SYS_read, fd, b, n))     \
    X(ssize_t, __recv_chk, (int fd, void *b, size_t n, size_t s, int f),                           \
      syscall(SYS_recvfrom, fd, b, n, f, NULL, NULL))                                              \
    X(ssize_t, __recvfrom_chk,                                                                     \
      (int fd, void *b, size_t n, size_t s, int f, mps_addr_out a, socklen_t *l),                  \
      syscall(SYS_recvfrom, fd, b, n, f, a, l))                                                    \
    X(pid_t, wait, (int *s), syscall(SYS_wait4, -1, s, 0, NULL))                                   \
    X(pid_t, waitpid, (pid_t p, int *s, int o), syscall(SYS_wait4, p, s, o, NULL))                 \
    X(pid_t, wait3, (int *s, int o, struct rusage *u), syscall(SYS_wait4, -1, s, o, u))            \
    X(pid_t, wait4, (pid_t p, int *s, int o, struct rusage *u), syscall(SYS_wait4, p, s, o, u))    \
    X(int, waitid, (idtype_t t, id_t i, siginfo_t * s, int o),                                     \
      syscall(SYS_waitid, t, i, s, o, NULL))                                                       \
    X(int, __poll_chk, (struct pollfd * p, nfds_t n, int ms, size_t s), direct_poll(p, n, ms))     \
    X(int, __ppoll_chk,                                                                            \
      (struct pollfd * p, nfds_t n, const struct timespec *t, const sigset_t *m, size_t s),        \
      direct_ppoll(p, n, t, m))

struct mps_next {
#define X(result, name, params, direct) result(*name) params;
    MPS_NEXT_FUNCTIONS(X)
#undef X
    int (*fcntl)(int fd, int cmd, ...);
    int (*ioctl)(int fd, unsigned long request, ...);
    void (*closefrom)(int first);
    pid_t (*fork)(void);         /* through mps_next_fork() only */
    int (*fclose)(FILE *file);   /* through mps_next_fclose() only */
    const char *single_threaded; /* libc's word (threaded.h); NULL: it has none */
};

extern struct mps_next mps_next;

/* Bind all of them; called by the constructor. */
void mps_next_bind(void);

/* Put the next definition, if there is one, into *slot. */
void mps_next_bind_one(void *slot, const char *name);

/* Those that have no equivalent direct call: bound here if that has not been done yet. */
pid_t mps_next_fork(void);
int mps_next_fclose(FILE *file);
