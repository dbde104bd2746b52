/* SPDX-License-Identifier: MIT */
/*
 * Connections that stay plain TCP, counted with their reason (handover/counts.h).
 * Async-signal-safe; errno is preserved.
 */
#pragma once
#include "handover/counts.h"

/* Once, at the start: `number` is the value of MPS_ENV_COUNTS, NULL: nothing is counted. */
void mps_tally_start(const char *number, const char *agent_id);

/* A number that all processes of the tree share, NULL if they share nothing (marking.h). */
_Atomic uint32_t *mps_tally_passed(void);

/* A connection. */
void mps_tally(enum mps_counts_role role, enum mps_plain_reason reason);

/* connect() has begun or finished on fd, which stays native; counted once if fd is known as TCP. */
void mps_tally_connect(int fd, enum mps_plain_reason reason);

/* It was just decided that fd stays native: because of its peer, or since bytes have moved. */
void mps_tally_decided(int fd);

/* The listener is not marked: why its connections will be plain. */
void mps_tally_listener(int fd, enum mps_plain_reason reason);

/* accept() on the listener gave conn, whose SYN asks for nothing. */
void mps_tally_accepted(int listener, int conn);
