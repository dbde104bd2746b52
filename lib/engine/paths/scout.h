/* SPDX-License-Identifier: MIT */
/*
 * A process beside the agent of root that keeps the one capability by which the descriptors of
 * programs can be seen that have more privileges than the agent (CAP_SYS_PTRACE). It is nobody,
 * reads /proc, and answers one question: which tunnels does a process hold? So an agent that is
 * taken over can learn that, and nothing else of these programs.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "holds.h"

/* Before there are threads, and before capabilities are dropped. False: there is none. */
bool mps_scout_start(void);

/* It is not needed, or not any more. */
void mps_scout_stop(void);

/* As mps_holds_find; by the scout if there is one. Any thread. */
void mps_scout_find(pid_t pid, struct mps_holds *ret);
