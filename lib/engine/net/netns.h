/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

/*
 * Is the socket fd of the network namespace that the agent lives in? Addresses and links of any
 * other are not its own. True if the kernel cannot tell (before Linux 5.14).
 */
bool mps_netns_is_own(int fd);
