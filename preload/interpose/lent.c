/* SPDX-License-Identifier: MIT */
#include "lent.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "claim.h"
#include "handover/exchange.h"
#include "handover/sys.h"

void mps_lent_set(struct mps_hint *hint)
{
    if (hint)
        atomic_store_explicit(&hint->lent, true, memory_order_relaxed);
}

/* Has nobody but this process the socket, as far as is known? Children that exec have it not. */
static bool is_alone(int fd, const struct mps_hint *hint)
{
    int flags = mps_sys_fcntl(fd, F_GETFD, 0);

    return flags >= 0 && (flags & FD_CLOEXEC) &&
           atomic_load_explicit(&hint->pid, memory_order_relaxed) == (int)syscall(SYS_getpid) &&
           hint->forks == mps_hints_forks() &&
           !atomic_load_explicit(&hint->shared, memory_order_relaxed);
}

void mps_lent_return(int fd)
{
    struct mps_hint *hint = mps_hints_find(fd);
    int saved = errno;

    atomic_store_explicit(&hint->lent, false, memory_order_relaxed);
    if (hint->cookie != 0 && hint->cookie == mps_exchange_cookie(fd)) {
        for (int i = 0; i < MPS_HINT_EPOLLS; i++) {
            int key = atomic_load_explicit(&hint->epolls[i].key, memory_order_relaxed);

            if (key != 0)
                (void)syscall(SYS_epoll_ctl, key - 1, EPOLL_CTL_DEL, fd, NULL);
        }
        if (is_alone(fd, hint))
            (void)mps_sys_shutdown(fd, SHUT_RDWR);
    }
    errno = saved;
}
