/* SPDX-License-Identifier: MIT */
/*
 * A file, which the agents of one user share, keeps what an agent has learned of peers beyond the
 * agent's end: the first connection of a later agent to a proven peer needs no round trip for
 * HELLO, and no connection waits again for a peer that does not answer. The file is a hint and
 * nothing else: whatever it says, each connection still needs the mark in its handshake.
 *
 * PEERS-DIR/peers: a line "mptcpshim-peers 2", then for each peer, numbers in decimal,
 *   NETWORK-NAMESPACE EXPIRES PORT ADDRESS KIND
 * with the inode of the namespace, milliseconds since 1970, and "shim", "doubt" (was one, or may be
 * one that does not answer) or "plain". Lines that are not of this form are skipped. The file is
 * written as a whole and renamed; of two writers at once one may lose what it added.
 */
#pragma once
#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "peers.h"

#define MPS_PEERFILE_MAX 65536 /* bytes; a longer file is not read */

/*
 * Read `dir`/peers into the table. Directory and file have to belong to us, and nobody else may be
 * able to write to them; symbolic links are not followed. Returns how many peers were taken over.
 */
unsigned mps_peerfile_load(struct mps_peers *peers, const char *dir);

/*
 * Write what the table knows and what the file has beside it; of two that know something of a peer
 * the later one is right. `dir` is made if it is not there. False if it did not work.
 */
bool mps_peerfile_save(struct mps_peers *peers, const char *dir);

/* Tells one file that was renamed to the name from the one before. */
struct mps_peerfile_version {
    uint64_t inode;
    int64_t size, mtime_s, mtime_ns;
};

/*
 * Keeps the file up to date: after a change at once, then at most every second; but a peer that is
 * lost is always written at once. And the table: what others wrote is read before a connection
 * begins.
 */
struct mps_peerfile {
    struct ev_loop *loop;
    struct mps_peers *peers;
    const char *dir;  /* NULL: not running */
    char own_dir[32]; /* its name by descriptor, "" if it was not given away */
    ev_async changed;
    ev_timer pause;
    bool waiting;         /* a change came during the pause */
    atomic_bool urgent;   /* the change cannot wait */
    pthread_mutex_t lock; /* of `seen` */
    struct mps_peerfile_version seen;
};

/* Loads, and follows the table, which must have no other follower. `dir` outlives it. */
void mps_peerfile_start(struct mps_peerfile *pf, struct ev_loop *loop, struct mps_peers *peers,
                        const char *dir);
/*
 * Before the process becomes that user: directory and file are given to it, and used by descriptor,
 * since the user may not come to the directory by its name.
 */
void mps_peerfile_give(struct mps_peerfile *pf, uid_t uid, gid_t gid);

/* The last change is written. Harmless if it was not started. */
void mps_peerfile_stop(struct mps_peerfile *pf);
