/* SPDX-License-Identifier: MIT */
/*
 * A connection that is made to see what becomes of it. It is a program's, under the preload, and an
 * agent carries it like any other: nothing of the protocol is here. No data is sent on it, and what
 * the peer's program sends is thrown away.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct json_object;

/*
 * What TCP itself knew of the connection before it was handed over; MSS without what options take.
 */
struct mps_probe_tcp {
    unsigned mss_offered; /* in our SYN */
    unsigned mss_seen;    /* what came of the peer's, at most ours */
    unsigned window;      /* in its SYN-ACK, 0: the kernel does not tell */
    unsigned options;     /* TCPI_OPT_TIMESTAMPS, ... of Linux */
    unsigned rtt_us;
};

struct mps_probe {
    char local[64], remote[64]; /* "ADDRESS:PORT" or "[ADDRESS]:PORT" */
    unsigned port;              /* of remote */
    struct mps_probe_tcp tcp;
    const char *reason;             /* why it is plain TCP (mptcpshim(1)); NULL: it is not */
    char reason_text[32];           /* where reason may point to */
    struct json_object *connection; /* as `status` has it; NULL: it never came to an agent */
    struct json_object *events;     /* array of those of the connection, as `monitor` has them */
    struct json_object *paths;      /* array as `path list` has it */
    bool ended;                     /* the peer has ended it meanwhile */
};

#define MPS_NO_PORT                                                                                \
    "check: '%s' is no port: give a number from 1 to 65535, or a name of services(5)"

/* 0, or an exit code after a complaint. Free it in any case. */
int mps_probe(const char *host, const char *port, struct mps_probe *ret);
void mps_probe_free(struct mps_probe *probe);
