/* SPDX-License-Identifier: MIT */
/*
 * Inside callsweep: the kinds of calls with their errors, and what decides which call fails. The
 * calls themselves are in callsweep_calls.c.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Not errors: the call does less than it was asked for. */
#define ONE_BYTE   (-1)
#define HALF_OF_IT (-2)

#define KIND_ERRORS 9

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
enum kind { KINDS(KIND_NAME) };
#undef KIND_NAME

/* The error with which this call is to fail, or how it does less; 0: neither. */
int callsweep_turn(enum kind kind, void *caller);

/* The same for a call on a descriptor that may do less: of streams only. */
int callsweep_turn_of(enum kind kind, int fd, void *caller);

static inline bool callsweep_is_short(int error)
{
    return error == ONE_BYTE || error == HALF_OF_IT;
}

/* The clock of the process, which jumps, in nanoseconds. */
long long callsweep_now(void);
