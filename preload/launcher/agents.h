/* SPDX-License-Identifier: MIT */
/* The agents of this network namespace. */
#pragma once
#include <json-c/json.h>

/*
 * The connections of all agents that answer this user, as one JSON array (the caller's), and how
 * many agents answered. NULL after a complaint.
 */
struct json_object *mps_agents_status(int *ret_agents);
