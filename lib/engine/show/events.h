/* SPDX-License-Identifier: MIT */
/*
 * What monitors are told: a table of the events, and one of the members that their objects have.
 * mptcpshim(1), EVENTS, has an entry for each row of both.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include "core/base/addr.h"

struct json_object;

/* What an event is about: which members there are. */
enum mps_event_about {
    MPS_ABOUT_NOTHING = 0,
    MPS_ABOUT_SESSION = 1,    /* who has the connection: in all that is about one */
    MPS_ABOUT_CONNECTION = 2, /* its addresses */
    MPS_ABOUT_SUBFLOW = 4,
    MPS_ABOUT_ADDRESS = 8,
};

struct mps_event_row {
    const char *name;
    unsigned about;
};

/* The values of an event, as far as it is about them. A value that is not known is 0 or NULL. */
struct mps_happening {
    struct timespec time;
    const char *event, *agent;
    uint64_t process, id;
    const char *role;
    uint32_t token, peer_token;
    uint64_t subflow;
    struct mps_addr local, remote; /* of the connection, or of the subflow */
    struct mps_addr address;
    const char *interface;
    bool backup;
    const char *by; /* "local" or "peer" */
    const char *reason, *error;
    uint64_t count;
};

/* The i-th event, NULL behind the last; the one of that name, NULL: there is none. */
const struct mps_event_row *mps_events_at(unsigned i);
const struct mps_event_row *mps_events_find(const char *name);

/* The row that tells of an event of the core, by its type; NULL: monitors are not told. */
const struct mps_event_row *mps_events_of(unsigned type);

/* The name of the i-th member, NULL behind the last. */
const char *mps_events_member(unsigned i);

/* A new object; its name and time are set here. */
struct json_object *mps_events_object(const struct mps_event_row *row, struct mps_happening *h);
