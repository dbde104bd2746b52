/* SPDX-License-Identifier: MIT */
/*
 * The phases of a connection, and all its ends: DATA_FIN both ways, abort, no shim at the other
 * end, loss of all subflows, timeouts.
 */
#pragma once
#include "state.h"

/* Subflows ended, one of them in order, within so long: a client that lives comes back within: */
#define MPS_GONE_TOGETHER (1 * MPS_SEC)
#define MPS_GONE_WAIT     (5 * MPS_SEC)

/* The connection dies; `tell`: the application is to see a reset. */
void mps_phase_die(struct mps_conn *c, enum mps_reason reason, bool tell, mps_time_t now);

/* Client: there is no shim at the other end; the application's bytes go over plain TCP. */
void mps_phase_plain(struct mps_conn *c, enum mps_reason reason, mps_time_t now);

/* FASTCLOSE to the peer. Nothing happens if the connection ends so already. */
void mps_phase_abort(struct mps_conn *c, mps_time_t now);

/* The same for a reason that both applications learn of by a reset. */
void mps_phase_break(struct mps_conn *c, enum mps_reason reason, mps_time_t now);

/*
 * The peer does not know the connection any more: it has ended it, in order if it had everything
 * and we have everything, otherwise not.
 */
void mps_phase_forgotten(struct mps_conn *c, mps_time_t now);

/* A subflow has ended; it may have been the last one. */
void mps_phase_lost_subflow(struct mps_conn *c, struct mps_subflow *sf, bool orderly,
                            mps_time_t now);

/* There is something to send from now on: the wait for a subflow has an end. */
/* A subflow works: no end without any is near. */
void mps_phase_up(struct mps_conn *c, mps_time_t now);

void mps_phase_busy(struct mps_conn *c, mps_time_t now);

/* The application reads no more. False: bytes waited for it, so the connection is aborted. */
bool mps_phase_app_close(struct mps_conn *c, mps_time_t now);

/* mps_conn_leave. */
void mps_phase_leave(struct mps_conn *c, mps_time_t now);

/* The phase goes on as far as it can. */
void mps_phase_step(struct mps_conn *c, mps_time_t now);

/* hello_at, no_subflow_at, close_at. */
void mps_phase_timer(struct mps_conn *c, mps_time_t now);
