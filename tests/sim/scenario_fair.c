/* SPDX-License-Identifier: MIT */
/* Two subflows and one TCP flow at one bottleneck: what each gets. */
#include "scenario.h"

#define MB         (UINT64_C(1) << 20)
#define RIVAL_PORT 81
#define BEGIN      8  /* seconds: the shares are counted from here */
#define END        32 /* to here */

/* A TCP connection that always has something to send. */
static struct rival {
    struct simsock *out;
    uint64_t received, at_begin, at_end; /* bytes */
} rival;

/* The multipath connection's at the same times. */
static uint64_t own_begin, own_end;

static void rival_fill(struct simsock *sock)
{
    static const uint8_t zeros[65536];

    if (sock != rival.out)
        return;
    while (simsock_write(sock, zeros, sizeof(zeros)) > 0)
        ;
    sock->lowat = 65536;
    sock->want_write = true;
}

static void rival_read(struct simsock *sock)
{
    uint8_t buf[65536];
    size_t n;

    while ((n = simsock_read(sock, buf, sizeof(buf))) > 0)
        rival.received += n;
}

static void rival_failed(struct simsock *sock)
{
    sock->want_write = false;
}

static const struct simsock_ops rival_ops = {rival_fill, rival_read, rival_fill, rival_failed};

static bool rival_accept(void *user, struct simsock *sock)
{
    (void)user;
    sock->ops = &rival_ops;
    return true;
}

static void step_rival(struct world *w, unsigned link)
{
    struct mps_addr from = simnet_addr(link, 0, 0), to = simnet_addr(link, 1, RIVAL_PORT);

    rival.out = simnet_connect(&w->net, &from, &to, &rival_ops, NULL);
}

static void step_begin(struct world *w, unsigned arg)
{
    (void)arg;
    own_begin = w->host[1].app.read;
    rival.at_begin = rival.received;
}

static void step_end(struct world *w, unsigned arg)
{
    (void)arg;
    own_end = w->host[1].app.read;
    rival.at_end = rival.received;
}

/* `links` of 20 Mbit/s each, of which the second may be the first again. */
static void setup(struct world *w, enum mps_fairness fairness, bool shared)
{
    static struct mps_addr to;

    rival = (struct rival){.out = NULL};
    w->host[0].cfg.fairness = w->host[1].cfg.fairness = fairness;
    world_link(w, 20, 20, 125, 0);
    world_link(w, 20, 20, 125, 0);
    if (shared)
        simnet_share(&w->net, 1, 0);
    to = simnet_addr(0, 1, RIVAL_PORT);
    simnet_listen(&w->net, &to, rival_accept, NULL);
    scenario_bulk(w, (shared ? 60 : 140) * MB, 0);
    world_at(w, 0, step_rival, 0);
    world_at(w, BEGIN * MPS_SEC, step_begin, 0);
    world_at(w, END * MPS_SEC, step_end, 0);
    w->limit = 200 * MPS_SEC;
}

static void check(struct world *w, double least, double most)
{
    double own = (double)(own_end - own_begin) * 8e-6 / (END - BEGIN);
    double other = (double)(rival.at_end - rival.at_begin) * 8e-6 / (END - BEGIN);

    printf("%s: %.2f Mbit/s beside %.2f: %.2f : 1\n", w->name, own, other, own / other);
    if (w->host[1].n_up != 2)
        world_fail(w, "%u subflows, not 2", w->host[1].n_up);
    if (own < least * other || own > most * other)
        world_fail(w, "the ratio is not within %.2f and %.2f", least, most);
}

static void setup_auto(struct world *w)
{
    setup(w, MPS_FAIR_AUTO, true);
}

static void setup_strict(struct world *w)
{
    setup(w, MPS_FAIR_STRICT, true);
}

static void setup_off(struct world *w)
{
    setup(w, MPS_FAIR_OFF, true);
}

static void setup_disjoint(struct world *w)
{
    setup(w, MPS_FAIR_AUTO, false);
}

static void check_fair(struct world *w)
{
    check(w, 0.8, 1.2);
}

static void check_off(struct world *w)
{
    check(w, 1.5, 3);
}

/* One path with a rival, one without: 10 + 20 beside 10. */
static void check_disjoint(struct world *w)
{
    check(w, 2.4, 4);
}

const struct scenario scenarios_fair[] = {
    {"fair-auto", "shared bottleneck, found", setup_auto, check_fair, false},
    {"fair-strict", "shared bottleneck, assumed", setup_strict, check_fair, false},
    {"fair-off", "shared bottleneck, one share each", setup_off, check_off, false},
    {"fair-disjoint", "two bottlenecks, a rival at one", setup_disjoint, check_disjoint, false},
    {NULL, NULL, NULL, NULL, false},
};
