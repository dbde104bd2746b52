/* SPDX-License-Identifier: MIT */
/* The agent of this process: the one of the environment, or one of the library's own. */
#pragma once
#include <stdbool.h>
#include "handover/config.h"

/* NULL: there is none. */
const struct mps_ho_config *api_agent_config(void);

/* Is there an agent, or can one be started? */
bool api_agent_available(void);
