/* SPDX-License-Identifier: MIT */
/* The agent of this process: the one of the environment, or one of the library's own. */
#pragma once
#include <stdbool.h>
#include "handover/client.h"

/*
 * One request to the agent, which is started if need be; as mps_ho_call. `agent_id` NULL: the
 * agent of this process.
 */
enum mps_ho_result api_agent_call(const char *agent_id, struct mps_ho_request *req, int fd,
                                  struct mps_ho_reply *ret_reply, int *ret_fd);

/* Is there an agent, or can one be started? */
bool api_agent_available(void);
