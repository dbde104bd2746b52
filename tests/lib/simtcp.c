/* SPDX-License-Identifier: MIT */
/* Sockets and the handshake. The way of the bytes: simpipe.c. */
#include "simtcp.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "simpipe.h"

#define HEADER 52u

static bool link_send(struct simtcp *tcp, unsigned side, uint32_t len, mps_time_t *ret_at)
{
    if (tcp->loss_ppm > 0 && prng_below(tcp->link->rng, 1000000) < tcp->loss_ppm)
        return false;
    return simlink_send(tcp->link, side ^ tcp->flip, len + HEADER, tcp->q->now, ret_at);
}

/* Send a packet of `side`; `fn` runs with b, c if it arrives. a: the cut it must have missed. */
static void transmit(struct simtcp *tcp, unsigned side, uint32_t len, evq_fn *fn, uint64_t b,
                     uint64_t c)
{
    mps_time_t at;

    if (link_send(tcp, side, len, &at))
        evq_post(tcp->q, at, fn, tcp, (struct evq_args){tcp->link->cuts, b, c});
}

static bool vanished(const struct simtcp *tcp, const struct evq_args *args)
{
    return tcp->link->cut || tcp->link->cuts != args->a;
}

/* ---- reset ---- */

static void take_rst(struct simsock *sock)
{
    if (sock->dead)
        return;
    sock->dead = true;
    sock->tcp->pipe[sock->side].rto_at = MPS_NEVER;
    if (!sock->closed && sock->ops != NULL)
        sock->ops->failed(sock);
}

static void rst_arrives(void *obj, const struct evq_args *args)
{
    struct simtcp *tcp = obj;

    if (!vanished(tcp, args))
        take_rst(&tcp->sock[args->b]);
}

static void send_rst(struct simtcp *tcp, unsigned side)
{
    transmit(tcp, side, 0, rst_arrives, 1 - side, 0);
}

void simtcp_reset(struct simtcp *tcp)
{
    for (unsigned side = 0; side < 2; side++) {
        if (tcp->sock[side].up)
            take_rst(&tcp->sock[side]);
    }
}

/* ---- data ---- */

static void segment_arrives(void *obj, const struct evq_args *args);
static void ack_arrives(void *obj, const struct evq_args *args);
static void rto_runs_out(void *obj, const struct evq_args *args);

static void pump(struct simtcp *tcp, unsigned side)
{
    struct simpipe *pipe = &tcp->pipe[side];
    struct simseg *seg;

    if (tcp->sock[side].dead || !tcp->sock[side].up)
        return;
    while ((seg = simpipe_next_segment(pipe, tcp->q->now)) != NULL) {
        uint64_t number = simpipe_segment_number(pipe, seg);

        /* The transmission's number fits beside the segment's: both stay far below 2^32. */
        transmit(tcp, side, seg->len, segment_arrives, side, number << 32 | seg->tx);
    }
    if (pipe->rto_at < pipe->rto_posted_at) {
        pipe->rto_posted_at = pipe->rto_at;
        evq_post(tcp->q, pipe->rto_at, rto_runs_out, tcp, (struct evq_args){side, pipe->rto_at, 0});
    }
}

static void server_accepts(struct simtcp *tcp)
{
    struct simsock *sock = &tcp->sock[1];

    if (tcp->accepted)
        return;
    tcp->accepted = true;
    simpipe_first_rtt(&tcp->pipe[1], tcp->q->now - tcp->syn_ack_at);
    sock->up = true;
    if (!tcp->accept(tcp->accept_user, sock)) {
        sock->dead = true;
        send_rst(tcp, 1);
    }
}

static void segment_arrives(void *obj, const struct evq_args *args)
{
    struct simtcp *tcp = obj;
    unsigned from = (unsigned)args->b;
    struct simsock *sock = &tcp->sock[1 - from];
    struct simpipe *pipe = &tcp->pipe[from];

    if (vanished(tcp, args))
        return;
    if (from == 0)
        server_accepts(tcp);
    if (sock->dead || sock->closed) {
        /* Nobody reads here any more. A FIN alone is no reason to complain. */
        if (sock->dead || !simpipe_is_fin(pipe, args->c >> 32)) {
            sock->dead = true;
            send_rst(tcp, 1 - from);
            return;
        }
    }
    bool news = simpipe_arrive(pipe, args->c >> 32);
    mps_time_t at;

    if (link_send(tcp, 1 - from, 0, &at)) {
        evq_post(tcp->q, at, ack_arrives, tcp,
                 (struct evq_args){tcp->link->cuts << 1 | from, args->c, pipe->rcv_nxt});
    }
    if (news && !sock->closed)
        sock->ops->readable(sock);
}

static void ack_arrives(void *obj, const struct evq_args *args)
{
    struct simtcp *tcp = obj;
    unsigned side = args->a & 1;
    struct simsock *sock = &tcp->sock[side];
    struct simpipe *pipe = &tcp->pipe[side];

    if (tcp->link->cut || tcp->link->cuts != args->a >> 1 || sock->dead)
        return;
    simpipe_acked(pipe, args->b >> 32, (uint32_t)args->b, args->c, tcp->q->now);
    pump(tcp, side);
    if (sock->want_write && !sock->closed && pipe->end - pipe->nxt < sock->lowat)
        sock->ops->writable(sock);
}

static void rto_runs_out(void *obj, const struct evq_args *args)
{
    struct simtcp *tcp = obj;
    unsigned side = (unsigned)args->a;
    struct simpipe *pipe = &tcp->pipe[side];

    if (pipe->rto_posted_at != args->b)
        return; /* an earlier one was posted since */
    pipe->rto_posted_at = MPS_NEVER;
    if (tcp->sock[side].dead || pipe->rto_at == MPS_NEVER)
        return;
    if (pipe->rto_at <= tcp->q->now)
        simpipe_timeout(pipe, tcp->q->now);
    pump(tcp, side);
}

/* ---- handshake ---- */

static void ack_of_syn_ack_arrives(void *obj, const struct evq_args *args)
{
    struct simtcp *tcp = obj;

    if (!vanished(tcp, args))
        server_accepts(tcp);
}

static void syn_ack_arrives(void *obj, const struct evq_args *args)
{
    struct simtcp *tcp = obj;
    struct simsock *sock = &tcp->sock[0];

    if (vanished(tcp, args) || sock->up || sock->dead)
        return;
    sock->up = true;
    simpipe_first_rtt(&tcp->pipe[0], tcp->q->now - tcp->syn_at);
    transmit(tcp, 0, 0, ack_of_syn_ack_arrives, 0, 0);
    if (sock->closed)
        pump(tcp, 0);
    else
        sock->ops->connected(sock);
}

static void syn_arrives(void *obj, const struct evq_args *args)
{
    struct simtcp *tcp = obj;

    if (vanished(tcp, args) || tcp->accepted)
        return;
    if (tcp->accept == NULL) {
        send_rst(tcp, 1);
        return;
    }
    tcp->syn_ack_at = tcp->q->now;
    transmit(tcp, 1, 0, syn_ack_arrives, 0, 0);
}

static void send_syn(void *obj, const struct evq_args *args)
{
    struct simtcp *tcp = obj;
    struct simsock *sock = &tcp->sock[0];

    if (sock->up || sock->dead || sock->closed)
        return;
    tcp->syn_at = tcp->q->now;
    transmit(tcp, 0, 0, syn_arrives, 0, 0);
    evq_post(tcp->q, tcp->q->now + (MPS_SEC << tcp->syn_tries++), send_syn, tcp,
             (struct evq_args){0, 0, 0});
}

struct simtcp *simtcp_connect(struct evq *q, struct simlink *link, unsigned flip,
                              const struct simsock_ops *ops, void *user,
                              bool (*accept)(void *user, struct simsock *sock), void *accept_user)
{
    struct simtcp *tcp = calloc(1, sizeof(*tcp));

    if (tcp == NULL)
        abort();
    tcp->q = q;
    tcp->link = link;
    tcp->flip = flip;
    tcp->accept = accept;
    tcp->accept_user = accept_user;
    for (unsigned side = 0; side < 2; side++) {
        tcp->sock[side] = (struct simsock){.tcp = tcp, .side = side, .lowat = UINT32_MAX};
        simpipe_init(&tcp->pipe[side]);
    }
    tcp->sock[0].ops = ops;
    tcp->sock[0].user = user;
    evq_post(q, q->now, send_syn, tcp, (struct evq_args){0, 0, 0});
    return tcp;
}

void simtcp_free(struct simtcp *tcp)
{
    simpipe_deinit(&tcp->pipe[0]);
    simpipe_deinit(&tcp->pipe[1]);
    free(tcp);
}

/* ---- the owner's verbs ---- */

size_t simsock_write(struct simsock *sock, const uint8_t *p, size_t n)
{
    struct simpipe *pipe = &sock->tcp->pipe[sock->side];

    assert(!sock->closed);
    if (sock->dead)
        return n; /* as a socket whose RST is not yet noticed */
    n = simpipe_put(pipe, p, n);
    if (n >= SIMTCP_MSS && sock->tcp->link->damage) {
        sock->tcp->link->damage = false;
        simpipe_damage(pipe, n, prng_next(sock->tcp->link->rng));
    }
    pump(sock->tcp, sock->side);
    return n;
}

size_t simsock_peek(const struct simsock *sock, uint8_t *p, size_t n)
{
    return simpipe_peek(&sock->tcp->pipe[1 - sock->side], p, n);
}

size_t simsock_read(struct simsock *sock, uint8_t *p, size_t n)
{
    struct simpipe *pipe = &sock->tcp->pipe[1 - sock->side];

    n = simpipe_peek(pipe, p, n);
    pipe->read += n;
    return n;
}

bool simsock_eof(const struct simsock *sock)
{
    const struct simpipe *pipe = &sock->tcp->pipe[1 - sock->side];

    return pipe->fin_arrived && simpipe_unread(pipe) == 0;
}

void simsock_close(struct simsock *sock, bool reset)
{
    struct simtcp *tcp = sock->tcp;

    assert(!sock->closed);
    sock->closed = true;
    if (sock->dead)
        return;
    if (reset || simpipe_unread(&tcp->pipe[1 - sock->side]) > 0) {
        sock->dead = true;
        tcp->pipe[sock->side].rto_at = MPS_NEVER;
        send_rst(tcp, sock->side);
        return;
    }
    tcp->pipe[sock->side].fin_wanted = true;
    pump(tcp, sock->side);
}

void simsock_metrics(const struct simsock *sock, struct mps_metrics *ret)
{
    simpipe_metrics(&sock->tcp->pipe[sock->side], sock->tcp->q->now, ret);
}
