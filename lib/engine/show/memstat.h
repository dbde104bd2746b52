/* SPDX-License-Identifier: MIT */
/* What the status tells of memory (engine/agent/memory.h): of the agent, and of its peers. */
#pragma once

struct json_object;
struct mps_memory;

/* Adds the members of an engine's memory to its object. */
void mps_memstat_put(struct json_object *o, const struct mps_memory *memory);

/* Adds what another engine of the same agent says to what is in `o`. */
void mps_memstat_join(struct json_object *o, struct json_object *more);
