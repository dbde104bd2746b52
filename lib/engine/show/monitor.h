/* SPDX-License-Identifier: MIT */
/*
 * The monitors that watch the agent: each is one end of a SOCK_SEQPACKET connection and gets one
 * packet for each event, a JSON object. A monitor that does not keep up misses events, and is told
 * how many with the next event that fits; nothing here ever waits for a monitor.
 *
 * Events come from all engines' threads (mps_monitors_watching, mps_monitors_send); the rest is for
 * the thread of `loop`.
 */
#pragma once
#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/base/list.h"

#define MPS_MONITORS_MAX 16

struct json_object;

struct mps_monitors {
    struct ev_loop *loop;
    pthread_mutex_t lock; /* of the list and what is in it */
    struct mps_list list;
    atomic_uint n;
};

void mps_monitors_init(struct mps_monitors *self, struct ev_loop *loop);
void mps_monitors_deinit(struct mps_monitors *self);

/* Takes `fd` on success. 0, MPS_EINVAL (no such socket), MPS_ELIMIT, MPS_ENOMEM. */
int mps_monitors_add(struct mps_monitors *self, int fd);

/* Connect to the monitors of this user and root that listen already (message.h). */
void mps_monitors_dial(struct mps_monitors *self);

/* Is there anybody? Asked before an event is made. */
bool mps_monitors_watching(const struct mps_monitors *self);

/*
 * One event to one monitor; NULL: there was no memory for it. *lost: how many before it are lost
 * that the monitor does not know of.
 */
void mps_monitor_send_one(int fd, struct json_object *event, uint64_t *lost);

/* To all of them. Takes the object. */
void mps_monitors_send(struct mps_monitors *self, struct json_object *event);
