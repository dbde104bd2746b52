/* SPDX-License-Identifier: MIT */
/*
 * The hand-over of a connection as the engine sees it: an established TCP connection and the near
 * end of what the application gets for it become a session (session.h), or the connection is left
 * to its program.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mps_engine;
struct mps_session;

struct mps_handed {
    int fd;  /* established TCP socket, taken on success */
    int end; /* AF_UNIX stream, taken on success: the near end of what the application gets; a byte
                is unread in it (app.h) */
    pid_t pid;
    bool bound;          /* the program had bound it to an address, or its listener */
    const char *options; /* words key=value */
    size_t options_len;
};

/* Positive result of mps_handed_connected: known to be plain, or better left so. */
#define MPS_HANDED_PLAIN_PEER 1

/*
 * A connection that was handed over. No byte moves before the loop goes on, so that after a failed
 * reply mps_handed_discard can still undo everything. 0 or a negative code; the descriptors are
 * then untouched.
 */
int mps_handed_connected(struct mps_engine *eng, const struct mps_handed *req,
                         struct mps_session **ret);
int mps_handed_accepted(struct mps_engine *eng, const struct mps_handed *req,
                        struct mps_session **ret);

/* Forget it: our descriptor of the TCP connection is closed, the connection itself untouched. */
void mps_handed_discard(struct mps_session *s);
