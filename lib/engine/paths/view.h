/* SPDX-License-Identifier: MIT */
/*
 * The view is what an engine knows of the host: the local addresses, what the user changed about
 * them, where joins arrive. The hub (hub.h) makes it and an engine only reads it. An engine on a
 * thread of its own reads a copy of its own, so that hub and engine never wait for each other.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "netaddr.h"
#include "pathctl.h"
#include "engine/joins/steer.h"

struct mps_view {
    struct mps_netaddr_list addresses;
    struct mps_pathctl paths;
    struct mps_steered steered[MPS_LSWATCH_MAX];
    unsigned n_steered;
    uint16_t join_port; /* of the agent's own join listener; 0: not open */
};
