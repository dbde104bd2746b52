/* SPDX-License-Identifier: MIT */
/*
 * The rows of the tables that the pages have to describe, one a line with its kind before it, for
 * documented.sh.
 */
#include <stdio.h>
#include "config/keys.h"
#include "config/kinds.h"
#include "core/paths/pm.h"
#include "core/sched/sched.h"
#include "core/trace/trace.h"
#include "core/wire/frame.h"
#include "engine/show/events.h"
#include "../../preload/launcher/show/metric_list.h"

/* Section, name, default and bounds, "-" where there is none. */
static void keys(void)
{
    const struct mps_key *key;

    for (unsigned i = 0; (key = mps_key_at(i)); i++) {
        if (!key->section)
            continue;
        printf("key %s %s %s ", key->section, key->name, key->initial ? key->initial : "-");
        if (key->kind == &mps_kind_number)
            printf("%lu-%lu\n", key->min, key->max);
        else
            puts("-");
        if (key->option)
            printf("option %s\n", key->name);
    }
}

static void schedulers(void)
{
    for (unsigned i = 0; mps_sched_at(i); i++)
        printf("scheduler %s\n", mps_sched_at(i)->name);
    for (unsigned i = 0; mps_pm_at(i); i++)
        printf("path-manager %s\n", mps_pm_at(i)->name);
}

#define FRAME(name, number, member, space, flags, fields) printf("frame %02X %s\n", number, #name);

static void frames(void)
{
    MPS_CTRL_FRAMES(FRAME, MPS_CTRL_NOTHING)
}

#define NUMBER(member)   #member
#define NUMBER32(member) #member
#define FLAG(flag)       #flag
#define NONE             "-"
#define INFO(kind, name, value, library)                                                           \
    printf("status-member %s\nlibrary-member %s\n", #name, library);

static void status(void)
{
    MPS_CONN_FIELDS(INFO)
    MPS_SUBFLOW_FIELDS(INFO)
}

#define COUNTER "_total"
#define GAUGE   ""
#define METRIC_ROW(of, type, name, unit, value, help)                                              \
    printf("metric mptcpshim_%s%s\n", #name, type);

/* As their samples have them. */
static void metrics(void)
{
    MPS_METRICS(METRIC_ROW)
}

static void events(void)
{
    for (unsigned i = 0; mps_events_at(i); i++)
        printf("event %s\n", mps_events_at(i)->name);
    for (unsigned i = 0; mps_events_member(i); i++)
        printf("event-member %s\n", mps_events_member(i));
}

#define MEMBER(type, record, name) printf("%s,", #name);
#define RECORD(type, member, text, fields)                                                         \
    printf("record %s=", text);                                                                    \
    fields puts("");

/* Those of a trace, with their members, and its causes. */
static void records(void)
{
    MPS_TRACE_RECORDS(RECORD, MEMBER)
    for (unsigned i = 0; i <= MPS_CAUSE_REDUNDANT; i++)
        printf("cause %s\n", mps_cause_name((enum mps_cause)i));
}

int main(void)
{
    keys();
    schedulers();
    frames();
    status();
    metrics();
    events();
    records();
    return 0;
}
