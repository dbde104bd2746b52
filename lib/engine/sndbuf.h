/* SPDX-License-Identifier: MIT */
/*
 * What a program's SO_SNDBUF and TCP_NOTSENT_LOWAT mean for a connection: the bytes in its own end
 * and in the core together are bounded as TCP bounds them, within what its end needs at least.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct mps_mpconn;
struct mps_sockopts;

/* SO_SNDBUF of a new application's end, and of ours; small ones where memory is scarce. */
size_t mps_sndbuf_of_app(const struct mps_sockopts *opts, bool scarce);
size_t mps_sndbuf_of_ours(bool scarce);

/* To a connection that is new, or whose options have changed. */
void mps_sndbuf_apply(struct mps_mpconn *mp);

/* After each run: what the peer has acknowledged leaves the application's end. */
void mps_sndbuf_let_go(struct mps_mpconn *mp);
