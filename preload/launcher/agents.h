/* SPDX-License-Identifier: MIT */
/* The agents of this network namespace. */
#pragma once
#include <json-c/json.h>
#include <stdbool.h>
#include <sys/types.h>
#include "handover/message.h"

/* Call fn with the id of each agent that listens; false after a complaint. */
bool mps_agents_each(void (*fn)(const char *id, void *user), void *user);

/*
 * A request (op, and what belongs to it) with a descriptor (-1: none; the caller's) to one of them,
 * without the secret: an agent answers its own user and root. False if it does not answer, or not
 * with MPS_HO_OK. *ret_fd (-1: none) is the caller's, *ret_pid the agent's process.
 */
bool mps_agents_ask(const char *id, struct mps_ho_request *req, int fd,
                    struct mps_ho_reply *ret_reply, int *ret_fd, pid_t *ret_pid);

/*
 * MPS_HO_STATUS or MPS_HO_PATHS of all agents that answer this user, as one JSON array (the
 * caller's), and how many agents answered. NULL after a complaint.
 */
struct json_object *mps_agents_list(enum mps_ho_op op, int *ret_agents);

struct mps_agents_answer {
    int done, refused; /* agents */
    char why[256];     /* of one that refused */
};

/* A text to all agents of this user, or to the one with id `only`. False after a complaint. */
bool mps_agents_tell(enum mps_ho_op op, const char *text, const char *only,
                     struct mps_agents_answer *ret);
