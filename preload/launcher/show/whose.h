/* SPDX-License-Identifier: MIT */
/*
 * What this host knows of a connection that its agent does not say: the name of the program that
 * handed it over, and the interfaces that its paths begin at.
 */
#pragma once

struct json_object;
struct mps_agents;

/*
 * Add "program" to the connections of mps_agents_json, and "interface" to their subflows and ended
 * paths, wherever that is known. The number of a process may be another one's by now: then it was
 * started after the connection, and its name is not taken.
 */
void mps_whose_add(struct json_object *all, const struct mps_agents *agents);
