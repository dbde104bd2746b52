/* SPDX-License-Identifier: MIT */
/*
 * One request to the agent and its reply.
 *
 * Callable from any context in which a socket call is: a signal handler, a vfork child, a thread
 * that is being cancelled, before main. System calls are made directly, not through libc's
 * functions, so an interposer that calls this is never entered again and no cancellation point is
 * met. All signals are blocked meanwhile: by the caller, if a connection is handed over, else here.
 * No memory, lock or descriptor is kept but the one
 * that is returned; errno is preserved. About 3 KiB of stack.
 *
 * The whole takes at most MPS_HO_PATIENT_MS, a start of the agent included, or MPS_HO_SHORT_MS if
 * the request has MPS_HO_NONBLOCK. Giving up costs nothing: the request is withdrawn. After an
 * agent was silent to a short request, others are not sent for a second, so that a program's event
 * loop does not meet the wait again and again. An agent that has no descriptor left is asked again
 * within that time about an accepted connection, which it would cost to go without.
 */
#pragma once
#include <stdbool.h>
#include "config.h"
#include "message.h"

#define MPS_HO_PATIENT_MS 5000
#define MPS_HO_SHORT_MS   250

enum mps_ho_result {
    MPS_HO_REPLIED = 0,   /* *ret_reply is filled, and *ret_fd (-1 if none came) */
    MPS_HO_UNSENT = 1,    /* the agent was not reached: it never saw the descriptor */
    MPS_HO_LOST = 2,      /* the agent took the request and went away: it holds nothing any more */
    MPS_HO_GARBLED = 3,   /* not understood, or a yes that came when it was given up: the agent may
                             still hold the descriptor and use it */
    MPS_HO_WITHDRAWN = 4, /* no reply in time, and none can come: an agent that cannot reply to a
                             request with a descriptor lets go of that, untouched */
};

/*
 * Send req (magic, version and secret are filled in here) with fd (-1: none) to the agent that
 * agent_id names (NULL: the one in cfg) and wait for the reply. With spawn the agent of cfg is
 * started if it is not there. A descriptor that comes back is close-on-exec and the caller's alone;
 * if a connection was handed over and taken (mps_ho_taken), it is the application's end, which has
 * no name yet, and does not block.
 */
enum mps_ho_result mps_ho_call(const struct mps_ho_config *cfg, const char *agent_id,
                               struct mps_ho_request *req, int fd, bool spawn,
                               struct mps_ho_reply *ret_reply, int *ret_fd);
