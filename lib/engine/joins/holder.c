/* SPDX-License-Identifier: MIT */
#include "holder.h"

#include <sys/syscall.h>
#include <unistd.h>
#include "engine/net/rewatch.h"

static void on_end(struct ev_loop *loop, ev_io *io, int revents)
{
    struct mps_holder *h = io->data;

    if (revents & EV_ERROR) {
        mps_rewatch_soon(loop, io);
        return;
    }
    mps_holder_forget(h);
    h->ended(h->user);
}

bool mps_holder_watch(struct mps_holder *h, struct ev_loop *loop, pid_t pid,
                      void (*ended)(void *user), void *user)
{
    /* 0: its process id namespace is not ours. */
    int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

    h->loop = loop;
    h->ended = ended;
    h->user = user;
    ev_io_init(&h->io, on_end, fd, EV_READ);
    h->io.data = h;
    if (fd >= 0)
        ev_io_start(loop, &h->io);
    return fd >= 0;
}

void mps_holder_forget(struct mps_holder *h)
{
    int fd = h->io.fd;

    if (fd < 0)
        return;
    ev_io_stop(h->loop, &h->io);
    ev_io_set(&h->io, -1, EV_READ);
    close(fd);
}
