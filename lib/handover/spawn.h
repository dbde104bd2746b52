/* SPDX-License-Identifier: MIT */
/* Starting the agent on demand, unnoticed by the program that needs it. */
#pragma once
#include <stdbool.h>
#include "config.h"

/*
 * The agent's name as the kernel shows it (/proc/PID/comm), from its fork on and when it has ended.
 */
#define MPS_HO_AGENT_COMM "mptcpshim-agent"
#define MPS_HO_SCOUT_COMM "mptcpshim-scout" /* its helper: engine/paths/scout.h */

/*
 * Start cfg->program as the agent and wait at most `ms`, and 2 s, until it listens. False if it was
 * not tried: there is no program, or an attempt failed a few seconds ago. The agent runs as the
 * caller's user, which is right for a server that has given up root before it listens. Whether the
 * agent can be reached afterwards is for connect() to find out: of two agents that are started at
 * once the second exits.
 *
 * The caller blocks all signals. Safe wherever mps_ho_call() is. The application sees neither a
 * SIGCHLD nor a child in wait(); only a wait with __WALL does. The agent becomes a child of the
 * nearest subreaper, or of the first process of the PID namespace (preload/interpose/calls/wait.h).
 */
bool mps_ho_spawn(const struct mps_ho_config *cfg, int ms);

/*
 * Start the agent before anybody needs it, and do not wait: for the launcher, whose program starts
 * meanwhile. A program that needs the agent before it listens starts another one, and finds one of
 * the two. An agent that root has started in this way becomes the user of the first program that
 * hands something over, so that it runs as if that program had started it.
 */
void mps_ho_spawn_early(const struct mps_ho_config *cfg);
