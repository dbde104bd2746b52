/* SPDX-License-Identifier: MIT */
/* What the agent knows about a connection. */
#pragma once
#include "mptcpshim/mptcpshim.h"

/* As mptcpshim_get_stats, but the result is 0 or a negative errno value. */
int api_stats(int fd, struct mptcpshim_stats *ret);
