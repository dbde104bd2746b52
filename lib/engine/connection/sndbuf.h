/* SPDX-License-Identifier: MIT */
/*
 * What a program's SO_SNDBUF and TCP_NOTSENT_LOWAT mean for a connection: the bytes in its own end
 * and in the core together are bounded as TCP bounds them, within what its end needs at least.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mps_mpconn;
struct mps_sockopts;

/* SO_SNDBUF of a new application's end, and of ours; small ones where memory is scarce. */
size_t mps_sndbuf_of_app(const struct mps_sockopts *opts, bool scarce);
size_t mps_sndbuf_of_ours(bool scarce);

/*
 * The bounds that SO_SNDBUF means, where the program's end holds `buffer` bytes as the kernel
 * counts. A program that waited may write again when only a quarter of its end is in use. Until it
 * does, all paths live on the bytes that are under way or at hand by then, so these must be no less
 * than TCP leaves, which is two thirds.
 */
struct mps_sndbuf_bounds {
    uint64_t core;   /* bytes held until the peer has them; 0: any number */
    bool keep;       /* these are in the program's end, too, */
    uint64_t beyond; /* as far as they are more than so many */
};

struct mps_sndbuf_bounds mps_sndbuf_bounds(size_t asked, size_t buffer);

/* To a connection that is new, or whose options have changed. */
void mps_sndbuf_apply(struct mps_mpconn *mp);

/* After each run: what the peer has acknowledged leaves the application's end. */
void mps_sndbuf_let_go(struct mps_mpconn *mp);
