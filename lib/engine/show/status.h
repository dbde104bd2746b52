/* SPDX-License-Identifier: MIT */
/* The connections as JSON: mptcpshim(1), JSON. */
#pragma once

struct json_object;
struct mps_counts;
struct mps_engine;
struct mps_session;

/* One connection's object. */
struct json_object *mps_status_one(const struct mps_session *s);

/* An array of all of the engine's, and last of an object for its memory. */
struct json_object *mps_status_list(const struct mps_engine *eng);

/* For addresses of the host that the agent has no place for: one object, or none for 0. */
void mps_status_left_out(struct json_object *list, unsigned n, const char *agent_id);

/*
 * Append an object for each reason for which connections of the tree stayed plain TCP and never
 * came to the agent. `counts` NULL: none.
 */
void mps_status_counted(struct json_object *list, const struct mps_counts *counts,
                        const char *agent_id);

/* Append the elements of another such array, of the same agent. Any thread. */
void mps_status_join(struct json_object *list, struct json_object *more);
