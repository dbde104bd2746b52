/* SPDX-License-Identifier: MIT */
/*
 * What happens to connections, for the monitors (monitor.h). The members of the objects are
 * documented in mptcpshim(1), EVENTS. Costs nothing while nobody watches.
 */
#pragma once
#include "handover/counts.h"

struct mps_addr;
struct mps_event;
struct mps_monitors;
struct mps_session;

/* "created", "established", "plain". */
void mps_report_session(const struct mps_session *s, const char *event);

/* "plain", of so many connections that never came to the agent. */
void mps_report_counted(struct mps_monitors *monitors, const char *agent_id,
                        enum mps_counts_role role, enum mps_plain_reason reason, uint32_t count);

/* The end of a session, whatever it was; s->end says why. */
void mps_report_closed(const struct mps_session *s);

/* An event of the core that is about a subflow or an address of the peer; others are ignored. */
void mps_report_event(const struct mps_session *s, const struct mps_event *ev);

/* A local address of the connection: "address_announced", "address_removed". */
void mps_report_local(const struct mps_session *s, const char *event, const struct mps_addr *addr,
                      const char *ifname);

/* The end of a connection in one word: what a reset's reason means to the application. */
const char *mps_report_end(int reason);
