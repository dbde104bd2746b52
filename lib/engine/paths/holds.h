/* SPDX-License-Identifier: MIT */
/*
 * Which tunnels a program holds: interfaces at whose other end it sits, with a descriptor of
 * /dev/net/tun, itself or in a process that it started. The connections that carry such a tunnel
 * must not use it as a path: what went into it would come back to be sent.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "netaddr.h"

/*
 * Takes the interfaces that `pid` holds out of the list. Reads /proc only if there is a tunnel at
 * all.
 */
void mps_holds_remove(pid_t pid, struct mps_netaddr_list *list);
