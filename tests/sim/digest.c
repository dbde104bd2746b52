/* SPDX-License-Identifier: MIT */
#include "digest.h"
#include <string.h>
#include "world.h"

static void number(struct digest *d, uint64_t n)
{
    d->value = (d->value ^ n) * UINT64_C(0x9e3779b97f4a7c15);
    d->value ^= d->value >> 32;
}

static void bytes(struct digest *d, const void *p, size_t n)
{
    const uint8_t *at = p;

    number(d, n);
    for (; n >= 8; at += 8, n -= 8) {
        uint64_t word;

        memcpy(&word, at, sizeof(word));
        number(d, word);
    }
    for (; n > 0; at++, n--)
        number(d, *at);
}

static void address(struct digest *d, const struct mps_addr *a)
{
    number(d, (uint64_t)a->family << 16 | a->port);
    bytes(d, a->ip, sizeof(a->ip));
}

/* Who says something, and when. */
static struct digest *begin(struct host *host, char what)
{
    struct digest *d = &host->world->digest;

    if (!d->wanted)
        return NULL;
    number(d, (uint64_t)what << 8 | host->number);
    number(d, host->world->net.q.now);
    return d;
}

void digest_bytes(struct host *host, char what, const struct hsock *hs, const void *p, size_t n)
{
    struct digest *d = begin(host, what);

    if (d == NULL)
        return;
    number(d, (uint64_t)(hs - host->socks));
    bytes(d, p, n);
}

void digest_event(struct host *host, const struct mps_event *event)
{
    struct digest *d = begin(host, 'e');

    if (d == NULL)
        return;
    number(d, event->type);
    number(d, event->subflow_id);
    address(d, &event->local);
    address(d, &event->remote);
    number(d, event->ifindex);
    number(d, event->backup | event->reset << 1 | event->own << 2 | event->was_up << 3);
    number(d, event->reason);
}

static void subflows(struct digest *d, const struct mps_conn *conn)
{
    struct mps_subflow_info infos[MPS_MAX_SUBFLOWS];
    unsigned n = mps_conn_subflow_info(conn, infos, MPS_MAX_SUBFLOWS);

    number(d, n);
    for (unsigned i = 0; i < n && i < MPS_MAX_SUBFLOWS; i++) {
        const struct mps_subflow_info *s = &infos[i];

        number(d, s->id);
        number(d, s->state);
        number(d, s->backup | s->stale << 1 | s->rests << 2);
        address(d, &s->local);
        address(d, &s->remote);
        number(d, s->bytes_sent);
        number(d, s->bytes_received);
        number(d, s->bytes_reinjected);
        number(d, s->metrics.srtt_us);
        number(d, s->metrics.rate);
    }
}

void digest_state(struct host *host)
{
    struct digest *d = begin(host, 's');
    struct mps_conn_info info;

    if (d == NULL)
        return;
    number(d, mps_conn_deadline(host->conn));
    for (unsigned i = 0; i < host->n_socks; i++) {
        const struct hsock *hs = &host->socks[i];

        if (hs->kind == HSOCK_SUBFLOW && hs->sock != NULL)
            number(d, (uint64_t)hs->sock->lowat << 1 | hs->sock->want_write);
    }
    mps_conn_info(host->conn, &info);
    bytes(d, info.state, strlen(info.state));
    number(d, info.bytes_sent);
    number(d, info.bytes_received);
    number(d, info.bytes_acked);
    number(d, info.snd_queued);
    number(d, info.credit_left);
    number(d, info.rcv_queued);
    number(d, info.rcv_out_of_order);
    number(d, info.bytes_reinjected);
    subflows(d, host->conn);
}
