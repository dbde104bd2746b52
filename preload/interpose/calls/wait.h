/* SPDX-License-Identifier: MIT */
/*
 * Agents as children: an agent belongs to nobody, so that the kernel makes it a child of the
 * nearest subreaper or of the first process of the PID namespace. Where that is a program of the
 * tree, it must not meet a child that it never made. Such an agent lives as long as its parent
 * (agent.c), so that it is no zombie there; the calls that wait for any child pass over it, and do
 * not wait for it.
 */
#pragma once

/* Collect agents that have ended all the same, if this process adopts. errno is preserved. */
void mps_wait_sweep(void);
