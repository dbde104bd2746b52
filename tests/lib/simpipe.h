/* SPDX-License-Identifier: MIT */
/* One direction of a simulated TCP connection (simtcp.h): bytes, segments, congestion window. */
#pragma once
#include "simtcp.h"

void simpipe_init(struct simpipe *pipe);
void simpipe_deinit(struct simpipe *pipe);

/* Sender. */
size_t simpipe_put(struct simpipe *pipe, const uint8_t *p, size_t n);

/* A bit of one of the last n bytes changes on the way, unseen by TCP. */
void simpipe_damage(struct simpipe *pipe, size_t n, uint64_t where);
void simpipe_first_rtt(struct simpipe *pipe, mps_time_t rtt);

/* The segment to send now, marked as sent: a lost one, a new one, the FIN. NULL: none may go. */
struct simseg *simpipe_next_segment(struct simpipe *pipe, mps_time_t now);
uint64_t simpipe_segment_number(const struct simpipe *pipe, const struct simseg *seg);

/* Transmission `tx` of segment `number` is acknowledged, and all bytes before `cumulative`. */
void simpipe_acked(struct simpipe *pipe, uint64_t number, uint64_t tx, uint64_t cumulative,
                   mps_time_t now);
void simpipe_timeout(struct simpipe *pipe, mps_time_t now);
void simpipe_metrics(const struct simpipe *pipe, mps_time_t now, struct mps_metrics *ret);

/* Receiver. simpipe_arrive: whether there is more to read now, or EOF. */
bool simpipe_arrive(struct simpipe *pipe, uint64_t number);
bool simpipe_is_fin(const struct simpipe *pipe, uint64_t number);
size_t simpipe_peek(const struct simpipe *pipe, uint8_t *p, size_t n);
size_t simpipe_unread(const struct simpipe *pipe);
