/* SPDX-License-Identifier: MIT */
/*
 * Sockets of another network namespace, made by setns() or inherited: the agent that this process
 * reaches knows the addresses of its own. Async-signal-safe; errno is preserved.
 */
#pragma once
#include <stdbool.h>

/* Take note of the network namespace of the process, as it starts. */
void mps_netns_start(void);

/* Is the socket fd of another namespace? Not if the kernel cannot tell (before Linux 5.14). */
bool mps_netns_is_foreign(int fd);
