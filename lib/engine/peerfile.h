/* SPDX-License-Identifier: MIT */
/*
 * Proven peers outlive an agent in a file that the agents of one user share: the first connection
 * of a later agent needs no round trip for HELLO. The file is a hint and nothing else: whatever
 * it says, each connection still needs the mark in its handshake.
 *
 * PEERS-DIR/peers: a line "mptcpshim-peers 1", then for each peer, in decimal,
 *   NETWORK-NAMESPACE EXPIRES PORT ADDRESS
 * with the inode of the namespace and seconds since 1970. Lines that are not of this form are
 * skipped. Written as a whole and renamed; of two writers at once one may lose what it added.
 */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include <stdint.h>
#include "peers.h"

#define MPS_PEERFILE_MAX 65536 /* bytes; a longer file is not read */

/*
 * Read `dir`/peers into the table. Directory and file have to belong to us, and nobody else may be
 * able to write to them; symbolic links are not followed. Returns how many peers were taken over.
 */
unsigned mps_peerfile_load(struct mps_peers *peers, const char *dir);

/*
 * Write what the table proves and what the file has beside it; the table's other knowledge
 * removes peers from the file. `dir` is made if it is not there. False if it did not work.
 */
bool mps_peerfile_save(struct mps_peers *peers, const char *dir);

/* Keeps the file up to date: after a change at once, then at most every second. */
struct mps_peerfile {
    struct ev_loop *loop;
    struct mps_peers *peers;
    const char *dir; /* NULL: not running */
    ev_async changed;
    ev_timer pause;
    bool waiting; /* a change came during the pause */
};

/* Loads, and follows the table, which must have no other follower. `dir` outlives it. */
void mps_peerfile_start(struct mps_peerfile *pf, struct ev_loop *loop, struct mps_peers *peers,
                        const char *dir);
/* The last change is written. Harmless if it was not started. */
void mps_peerfile_stop(struct mps_peerfile *pf);
