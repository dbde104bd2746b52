/* SPDX-License-Identifier: MIT */
/*
 * The epoll registrations of a descriptor, moved from its old file to its new one: the kernel keeps
 * them by file, so a dup3() onto the number leaves the old ones behind, where nobody can reach them
 * any more and a program would be woken for ever. Async-signal-safe; errno is preserved.
 */
#pragma once
#include <stdbool.h>
#include <sys/epoll.h>

#define MPS_EPOLLS_MAX 8 /* for one descriptor */

struct mps_epolls {
    int n;
    int epfd[MPS_EPOLLS_MAX];
    struct epoll_event event[MPS_EPOLLS_MAX];
};

/*
 * Delete the registration of fd with epfd and keep it in *self, whose n starts as 0. `event` is
 * what the program registered; if it has been reported and is not to be reported again
 * (EPOLLONESHOT), it is kept as disarmed. False if the kernel knows of none, or there is no room.
 */
bool mps_epolls_take(struct mps_epolls *self, int epfd, int fd, struct epoll_event event);

/*
 * All registrations of fd that this process can see, for callers that have not seen them made; they
 * stay. False if there are more than *ret has room for. Looks at each descriptor of the process.
 */
bool mps_epolls_find(struct mps_epolls *ret, int fd);

/* Register the file that fd is now. */
void mps_epolls_put(const struct mps_epolls *self, int fd);
