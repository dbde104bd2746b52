/* SPDX-License-Identifier: MIT */
/*
 * Who watches the agent: each monitor is one end of a SOCK_SEQPACKET connection and gets one packet
 * for each event, a JSON object. One that does not keep up misses events and is told how many with
 * the next one that fits; nothing here ever waits for a monitor.
 */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include "core/list.h"

#define MPS_MONITORS_MAX 16

struct json_object;

struct mps_monitors {
    struct ev_loop *loop;
    struct mps_list list;
    unsigned n;
};

void mps_monitors_init(struct mps_monitors *self, struct ev_loop *loop);
void mps_monitors_deinit(struct mps_monitors *self);

/* Takes `fd` on success. 0, MPS_EINVAL (no such socket), MPS_ELIMIT, MPS_ENOMEM. */
int mps_monitors_add(struct mps_monitors *self, int fd);

/* Connect to the monitors of this user and root that listen already (message.h). */
void mps_monitors_dial(struct mps_monitors *self);

/* To all of them. Takes the object. */
void mps_monitors_send(struct mps_monitors *self, struct json_object *event);
