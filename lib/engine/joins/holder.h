/* SPDX-License-Identifier: MIT */
/*
 * The process that has a listener: when the process ends, the listener may be gone, too. A pidfd
 * tells at once. (The kernel's notifications of destroyed sockets would tell more, but as long as
 * somebody asks for them it makes a message of every TCP connection of the host that ends: measured
 * with short connections, 15 % more CPU time for programs that have nothing to do with us.)
 */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include <sys/types.h>

struct mps_holder {
    struct ev_loop *loop;
    ev_io io; /* fd -1: not watched */
    void (*ended)(void *user);
    void *user;
};

/*
 * Call `ended` once when the process has ended. False: it cannot be watched (it is gone, or not
 * visible from here, or the kernel is older than 5.3); `ended` is not called then.
 */
bool mps_holder_watch(struct mps_holder *h, struct ev_loop *loop, pid_t pid,
                      void (*ended)(void *user), void *user);

/* No more; after mps_holder_watch, whatever that said. */
void mps_holder_forget(struct mps_holder *h);

static inline bool mps_holder_is_watched(const struct mps_holder *h)
{
    return h->io.fd >= 0;
}
