/* SPDX-License-Identifier: MIT */
/* Where joins of a connection arrive: at its program's port (steer.h), or at the agent's own. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/addr.h"

struct mps_engine;

/*
 * Port at which a join for local address `addr` reaches us; addr->port is the port of the
 * application's listener, 0: of the agent's own. That one, which is opened when first needed, is
 * used only with `own`. 0: none.
 */
uint16_t mps_joinport_of(const struct mps_engine *eng, const struct mps_addr *addr, bool own);
