/* SPDX-License-Identifier: MIT */
/*
 * The watchers of one connection: programs that are told its events (report.h) over one end of a
 * SOCK_SEQPACKET pair each, as monitors are told those of all connections (monitor.h). A watcher
 * that does not keep up misses events; it is told how many as soon as it has read some, with the
 * event "lost". Nothing here ever waits for a watcher.
 *
 * All in the thread of the connection's engine.
 */
#pragma once
#include <ev.h>
#include <stdint.h>

#define MPS_WATCHERS_MAX 4 /* of one connection */

struct json_object;
struct mps_mem;
struct mps_watcher;

/*
 * Takes `fd` on success; `*list` begins as NULL. 0, MPS_EINVAL (no such socket), MPS_ELIMIT,
 * MPS_ENOMEM.
 */
int mps_watcher_add(struct mps_watcher **list, struct ev_loop *loop, const struct mps_mem *mem,
                    int fd, struct mps_watcher **ret);

/* To this one; NULL: there was no memory for the event. */
void mps_watcher_send(struct mps_watcher *w, struct json_object *event);

/* To all of them. */
void mps_watchers_send(struct mps_watcher *list, struct json_object *event);

/* The connection is over: each of them reads the end. */
void mps_watchers_free(struct mps_watcher **list);
