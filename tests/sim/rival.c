/* SPDX-License-Identifier: MIT */
#include "rival.h"

#define PORT 81

static struct simsock *out[RIVALS_MAX];
static unsigned n;
static uint64_t received;

static bool sends(const struct simsock *sock)
{
    for (unsigned i = 0; i < n; i++) {
        if (out[i] == sock)
            return true;
    }
    return false;
}

static void fill(struct simsock *sock)
{
    static const uint8_t zeros[65536];

    if (!sends(sock))
        return;
    while (simsock_write(sock, zeros, sizeof(zeros)) > 0)
        ;
    sock->lowat = 65536;
    sock->want_write = true;
}

static void take(struct simsock *sock)
{
    uint8_t buf[65536];
    size_t got;

    while ((got = simsock_read(sock, buf, sizeof(buf))) > 0)
        received += got;
}

static void failed(struct simsock *sock)
{
    sock->want_write = false;
}

static const struct simsock_ops ops = {fill, take, fill, failed};

static bool on_accept(void *user, struct simsock *sock)
{
    (void)user;
    sock->ops = &ops;
    return true;
}

void rival_listen(struct world *w, unsigned link)
{
    struct mps_addr to = simnet_addr(link, 1, PORT);

    simnet_listen(&w->net, &to, on_accept, NULL);
}

void rival_start(struct world *w, unsigned link)
{
    struct mps_addr from = simnet_addr(link, 0, 0), to = simnet_addr(link, 1, PORT);

    if (n == RIVALS_MAX)
        world_fail(w, "too many rivals");
    out[n++] = simnet_connect(&w->net, &from, &to, &ops, NULL);
}

uint64_t rival_received(void)
{
    return received;
}

void rival_reset(void)
{
    n = 0;
    received = 0;
}
