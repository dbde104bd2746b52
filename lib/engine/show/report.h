/* SPDX-License-Identifier: MIT */
/*
 * What happens to connections, for the monitors (monitor.h) and the watchers
 * of a connection (watcher.h). The members of the objects are
 * documented in mptcpshim(1), EVENTS. Costs nothing while nobody watches.
 */
#pragma once
#include "handover/counts.h"

struct mps_addr;
struct mps_event;
struct mps_monitors;
struct mps_appconn;
struct mps_conn;
struct mps_watcher;

/* `core`: of a connection that is multipath, or may become so; NULL: of others. */
struct mps_report {
    const struct mps_appconn *ac;
    const struct mps_conn *core;
};

/* An event about the connection, by its name (events.c): "created", "plain". */
void mps_report_session(struct mps_report r, const char *event);

/* "plain", of so many connections that never came to the agent. */
void mps_report_counted(struct mps_monitors *monitors, const char *agent_id,
                        enum mps_counts_role role, enum mps_plain_reason reason, uint32_t count);

/* The end of a session, whatever it was; ac->end says why. */
void mps_report_closed(struct mps_report r);

/*
 * An event of the core, if its row (core/conn/event_list.h) has a name; others are ignored.
 * `ifname`: of the subflow's socket, NULL: it has none. `error`: errno of its end, 0: none.
 */
void mps_report_event(struct mps_report r, const struct mps_event *ev, const char *ifname,
                      int error);

/* A local address of the connection: "address_announced", "address_removed". */
void mps_report_local(struct mps_report r, const char *event, const struct mps_addr *addr,
                      const char *ifname);

/*
 * One who has come just now is told what holds already, by the events that others have seen; among
 * them is that it is plain TCP?
 */
void mps_report_state(struct mps_report r, struct mps_watcher *one, bool plain);

/* The end of a connection in one word: what a reset's reason means to the application. */
const char *mps_report_end(int reason);
