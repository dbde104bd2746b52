/* SPDX-License-Identifier: MIT */
/* A real agent process, and its requests by hand. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "handover/message.h"

struct agent_client {
    char id[17];
    pid_t pid;
};

/*
 * Start the agent of MPS_TEST_AGENT and wait for its readiness byte; false if it exited. The
 * first one takes an id that nobody has. Options of MPS_TEST_OPTIONS are added.
 */
bool agent_start(struct agent_client *a, const char *options);
bool agent_start_early(struct agent_client *a, const char *options); /* with --early */
bool agent_start_named(struct agent_client *a, const char *id, const char *options);

/* Wait for its exit; its status, -1 after `seconds`. */
int agent_wait(struct agent_client *a, double seconds);

/* A connection to the agent, -1 if there is none; for requests of that kind. */
int agent_dial(const struct agent_client *a);
int agent_dial_for(const struct agent_client *a, int op);

/* Header and the right secret. */
void agent_request(struct mps_ho_request *req, int op);

/* Send with fd (-1: none); false if the agent hung up. */
bool agent_send(int conn, const struct mps_ho_request *req, int fd);

/*
 * The same, and receive; false if the agent hung up. *ret_fd: -1 if none came; the application's
 * end, without a name, if a TCP connection was taken.
 */
bool agent_call(int conn, const struct mps_ho_request *req, int fd, struct mps_ho_reply *reply,
                int *ret_fd);
