/* SPDX-License-Identifier: MIT */
/*
 * A TCP connection of the simulated network, byte for byte. It is not TCP but behaves like it
 * where a multipath connection can notice: ordered reliable delivery with head-of-line blocking,
 * handshake, slow start and congestion avoidance, loss found after a round trip or by a timer that
 * doubles, FIN, RST, RST in answer to data for a closed socket, and what TCP_INFO would say.
 * Windows are not modelled: a reader that waits costs memory only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/subflow/subflow.h"
#include "evq.h"
#include "simlink.h"

#define SIMTCP_MSS 1448u

struct simsock;

/* What the owner of a socket is told. It may use any function below from inside. */
struct simsock_ops {
    void (*connected)(struct simsock *sock);
    void (*readable)(struct simsock *sock); /* bytes or EOF */
    void (*writable)(struct simsock *sock); /* below the low-water mark; while asked for */
    void (*failed)(struct simsock *sock);   /* refused or reset; nothing follows */
};

struct simseg {
    uint64_t off;
    uint32_t len; /* a FIN takes one number */
    bool fin, in_flight, lost, acked, arrived, repeated;
    bool missed; /* was found lost, and is not acknowledged yet */
    mps_time_t sent_at;
    uint64_t tx; /* number of this transmission */
    uint64_t delivered_at_send;
    bool app_limited;
};

/* One direction. The sender's and the receiver's view of it in one place. */
struct simpipe {
    uint8_t *ring; /* holds [first unacknowledged or unread, end) */
    size_t ring_size;
    uint64_t una, nxt, end; /* acknowledged; sent; written */
    uint64_t rcv_nxt, read; /* arrived in order; read */
    struct simseg *segs;    /* ring: numbers [seg_first, seg_next) */
    size_t segs_size;
    uint64_t seg_first, seg_next;
    bool fin_wanted, fin_sent, fin_arrived;
    bool probed; /* the tail was sent again and nothing was acknowledged since */

    uint64_t cwnd, ssthresh, in_flight, tx, recover_tx, delivered, rate;
    bool rate_app_limited;      /* the sample behind `rate` */
    uint64_t app_limited_until; /* what is sent before so much was delivered is no measure */
    unsigned n_lost, n_missed, backoff;
    bool as_linux;                              /* simnet.h */
    uint64_t undo_cwnd, undo_ssthresh, undo_tx; /* before a timeout; undo_cwnd 0: none */
    uint64_t round_end; /* of slow start: what was sent when this round trip began */
    unsigned round_samples;
    uint32_t round_rtt_us; /* the least of them */
    uint32_t srtt_us, rttvar_us, min_rtt_us, last_rtt_us;
    mps_time_t last_progress; /* last acknowledgment, or when data went out after none was out */
    mps_time_t rto_at;        /* MPS_NEVER: off */
    mps_time_t rto_posted_at; /* of the event under way, MPS_NEVER: none */
    size_t sndbuf;
};

struct simsock {
    struct simtcp *tcp;
    unsigned side; /* sends on pipe[side] */
    const struct simsock_ops *ops;
    void *user;
    bool up, closed, dead; /* closed by its owner; no more sending or receiving at all */
    bool want_write;
    uint32_t lowat;
};

struct simtcp {
    struct evq *q;
    struct simlink *link;
    unsigned loss_ppm;      /* of its packets, beside what the link loses */
    unsigned flip;          /* link direction of side s: s ^ flip */
    struct simsock sock[2]; /* 0 connects, 1 accepts */
    struct simpipe pipe[2];
    /* Asked when the handshake is done or refused; false: refused. */
    bool (*accept)(void *user, struct simsock *sock);
    void *accept_user;
    bool refuse, accepted;
    unsigned syn_tries;
    mps_time_t syn_at, syn_ack_at;
};

/* A connection attempt; the rest comes by events. `accept` NULL: nobody listens there. */
struct simtcp *simtcp_connect(struct evq *q, struct simlink *link, unsigned flip,
                              const struct simsock_ops *ops, void *user,
                              bool (*accept)(void *user, struct simsock *sock), void *accept_user);

/* When the simulation is over: no event that names the connection may run afterwards. */
void simtcp_free(struct simtcp *tcp);

/* Somebody on the way resets it: both ends get an RST, now. */
void simtcp_reset(struct simtcp *tcp);

/* Bytes the socket took, 0 if its buffer is full. */
size_t simsock_write(struct simsock *sock, const uint8_t *p, size_t n);

/* Copy without, or with taking them out. */
size_t simsock_peek(const struct simsock *sock, uint8_t *p, size_t n);
size_t simsock_read(struct simsock *sock, uint8_t *p, size_t n);
bool simsock_eof(const struct simsock *sock);

/* Close; unread bytes or `reset` make it an RST. The owner hears nothing more. */
void simsock_close(struct simsock *sock, bool reset);

void simsock_metrics(const struct simsock *sock, struct mps_metrics *ret);
