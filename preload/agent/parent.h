/* SPDX-License-Identifier: MIT */
/* Whose child an agent is. */
#pragma once
#include <stdbool.h>

/*
 * Is our parent a program of the tree of this agent, with the preload in it? The kernel made us its
 * child because it is a subreaper or the first process of the PID namespace. It does not see us as
 * long as we live (wait.h), and would have a zombie if we ended.
 */
bool mps_parent_is_of_tree(const char *agent_id);

/*
 * Find out now, and answer so as long as the parent is the same process: later the agent may not be
 * allowed to look at it any more.
 */
void mps_parent_remember(const char *agent_id);
