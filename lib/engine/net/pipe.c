/* SPDX-License-Identifier: MIT */
#include "pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/err.h"

/*
 * Places for 64 pieces of whatever length. The payload of a frame in segments of Ethernet's MTU
 * takes 43; the user's other pipes keep nearly all that one user's pipes may take together.
 */
#define SIZE        (64 * 4096)
#define RETRY_AFTER (1 * MPS_SEC)

static bool forbidden; /* set before there are threads */

void mps_pipe_forbid(void)
{
    forbidden = true;
}

bool mps_pipe_may(const struct mps_pipe *p, mps_time_t now)
{
    return !forbidden && (p->open || p->again_at <= now);
}

bool mps_pipe_ready(struct mps_pipe *p, mps_time_t now)
{
    if (p->open)
        return true;
    if (!mps_pipe_may(p, now))
        return false;
    if (pipe2(p->fd, O_NONBLOCK | O_CLOEXEC) < 0) {
        p->again_at = now + RETRY_AFTER;
        return false;
    }
    /* Without it (the limits of one user's pipes) there are more calls for the same bytes. */
    (void)fcntl(p->fd[1], F_SETPIPE_SZ, SIZE);
    p->open = true;
    return true;
}

void mps_pipe_close(struct mps_pipe *p)
{
    if (!p->open)
        return;
    close(p->fd[0]);
    close(p->fd[1]);
    p->open = false;
}

size_t mps_pipe_fill(const struct mps_pipe *p, int from, size_t n)
{
    ssize_t got = splice(from, NULL, p->fd[1], NULL, n, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

    return got > 0 ? (size_t)got : 0;
}

size_t mps_pipe_drain(const struct mps_pipe *p, int to, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t k = splice(p->fd[0], NULL, to, NULL, n - done, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

        if (k <= 0)
            break;
        done += (size_t)k;
    }
    return done;
}

int mps_pipe_read(const struct mps_pipe *p, const struct mps_span *place, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t k = read(p->fd[0], place->p + done, n - done);

        if (k > 0)
            done += (size_t)k;
        else if (k == 0 || errno != EINTR)
            return MPS_ESYS;
    }
    return 0;
}

void mps_pipe_try(void)
{
    struct mps_pipe p = {0};
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return;
    if (write(ends[0], "x", 1) == 1 && mps_pipe_ready(&p, 0) && mps_pipe_fill(&p, ends[1], 1) == 1)
        (void)mps_pipe_drain(&p, ends[0], 1);
    mps_pipe_close(&p);
    close(ends[0]);
    close(ends[1]);
}
