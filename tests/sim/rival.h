/* SPDX-License-Identifier: MIT */
/* TCP connections beside the simulated one, which always have something to send. */
#pragma once
#include "world.h"

#define RIVALS_MAX 8

/* For world_at: a rival that starts now on this link. There is only one simulation at a time. */
void rival_start(struct world *w, unsigned link);

/* Before the start: somebody who listens on the link. */
void rival_listen(struct world *w, unsigned link);

/* Bytes that all of them received so far. */
uint64_t rival_received(void);

/* Nobody was started. */
void rival_reset(void);
