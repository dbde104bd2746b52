/* SPDX-License-Identifier: MIT */
/* An agent that answers in one fixed way, for what the real one does only when it is ill. */
#pragma once
#include <sys/types.h>
#include "handover/config.h"

enum fake_behaviour {
    FAKE_OK,      /* OK: to a connection; to others with the request's secret as data and a
                    socketpair's end, whose other end closes */
    FAKE_SLOW,    /* the same, but it closes its own copy of the end only 50 ms later */
    FAKE_PLAIN,   /* AGAIN_PLAIN */
    FAKE_ERROR,   /* ERROR with ENOBUFS */
    FAKE_LOST,    /* takes the request and ends */
    FAKE_SILENT,  /* takes the request and says nothing */
    FAKE_GARBAGE, /* a reply that is none */
    FAKE_HELD,    /* FAKE_HOLDS to the peer of the socket that came, and OK when that answers */
};

#define FAKE_CONN_ID 0x1234u /* of a connection that is handed over */
#define FAKE_HOLDS   "agent\n"

/* A configuration with an id of its own; program is empty. */
void fake_agent_config(struct mps_ho_config *ret);

/* The agent process, listening when this returns. It serves any number of requests. */
pid_t fake_agent_start(const struct mps_ho_config *config, enum fake_behaviour behaviour);
void fake_agent_stop(pid_t pid);
