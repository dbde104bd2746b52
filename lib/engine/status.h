/* SPDX-License-Identifier: MIT */
/* The connections as JSON, in a memfd at offset 0. */
#pragma once

struct mps_engine;
struct mps_session;

/* An array of all connections, or one connection's object if `only` is not NULL. -1 with errno. */
int mps_status_memfd(struct mps_engine *eng, struct mps_session *only);
