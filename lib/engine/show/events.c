/* SPDX-License-Identifier: MIT */
#include "events.h"

#include <json-c/json.h>
#include <string.h>
#include "core/conn/conn.h"
#include "core/conn/event_list.h"
#include "fields.h"
#include "json.h"

/* ---- events ---- */

#define ROW(type, name, about) [MPS_EV_##type] = {name, MPS_ABOUT_SESSION | MPS_ABOUT_##about},

/* Those of the core first, by their type; then those that the engine makes itself. */
static const struct mps_event_row rows[] = {
    MPS_EVENTS(ROW){"subflow_failed", MPS_ABOUT_SESSION | MPS_ABOUT_SUBFLOW},
    {"created", MPS_ABOUT_SESSION | MPS_ABOUT_CONNECTION},
    {"plain", MPS_ABOUT_SESSION | MPS_ABOUT_CONNECTION},
    {"closed", MPS_ABOUT_SESSION | MPS_ABOUT_CONNECTION},
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

const struct mps_event_row *mps_events_of(unsigned type)
{
    return type < N_ROWS && rows[type].name ? &rows[type] : NULL;
}

const struct mps_event_row *mps_events_at(unsigned i)
{
    for (unsigned k = 0; k < N_ROWS; k++) {
        if (rows[k].name && i-- == 0)
            return &rows[k];
    }
    return NULL;
}

const struct mps_event_row *mps_events_find(const char *name)
{
    for (unsigned k = 0; k < N_ROWS; k++) {
        if (rows[k].name && strcmp(rows[k].name, name) == 0)
            return &rows[k];
    }
    return NULL;
}

/* ---- members ---- */

#define MEMBER(kind, member, about, optional)                                                      \
    MPS_FIELD(struct mps_happening, kind, member, about, optional)

static const struct mps_field members[] = {
    MEMBER(TIME, time, 0, false),
    MEMBER(TEXT, event, 0, false),
    MEMBER(TEXT, agent, 0, false),
    MEMBER(U64, process, MPS_ABOUT_SESSION, false),
    MEMBER(ID, id, MPS_ABOUT_SESSION, false),
    MEMBER(TEXT, role, 0, false),
    MEMBER(TOKEN, token, MPS_ABOUT_SESSION, true),
    MEMBER(TOKEN, peer_token, MPS_ABOUT_SESSION, true),
    MEMBER(U64, subflow, MPS_ABOUT_SUBFLOW, false),
    MEMBER(ADDR, local, MPS_ABOUT_CONNECTION | MPS_ABOUT_SUBFLOW, false),
    MEMBER(ADDR, remote, MPS_ABOUT_CONNECTION | MPS_ABOUT_SUBFLOW, false),
    MEMBER(ADDR, address, MPS_ABOUT_ADDRESS, false),
    MEMBER(TEXT, interface, 0, true),
    MEMBER(BOOL, backup, MPS_ABOUT_SUBFLOW, false),
    MEMBER(TEXT, by, 0, true),
    MEMBER(TEXT, reason, 0, true),
    MEMBER(TEXT, error, 0, true),
    MEMBER(U64, count, 0, true),
};

#define N_MEMBERS (sizeof(members) / sizeof(members[0]))

const char *mps_events_member(unsigned i)
{
    return i < N_MEMBERS ? members[i].name : NULL;
}

struct json_object *mps_events_object(const struct mps_event_row *row, struct mps_happening *h)
{
    struct json_object *o = json_object_new_object();

    clock_gettime(CLOCK_REALTIME, &h->time);
    h->event = row->name;
    mps_fields_put(o, members, N_MEMBERS, row->about, h);
    return mps_json_whole(o);
}
