/* SPDX-License-Identifier: MIT */
/*
 * A digest of everything a run shows to the outside: bytes read and written and when, events with
 * all they say, deadlines, what is wanted of sockets, counters. A change of the code that is to
 * change no behaviour leaves the digests of all seeds as they were.
 */
#pragma once
#include "host.h"

struct digest {
    bool wanted;
    uint64_t value;
};

/* Bytes that passed between a socket and the connection; `what` tells the directions apart. */
void digest_bytes(struct host *host, char what, const struct hsock *hs, const void *p, size_t n);

void digest_event(struct host *host, const struct mps_event *event);

/* At the end of a service: deadline, sockets, and what mps_conn_info tells. */
void digest_state(struct host *host);
