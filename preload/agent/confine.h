/* SPDX-License-Identifier: MIT */
/*
 * How an agent gives up what it does not need (engine/agent/privileges.h, engine/agent/syscalls.h),
 * in two steps: what can be given up before anything else, and the rest when it is known which user
 * it is to be. That is known at once, except for an agent that root has started early
 * (handover/spawn.h). What is refused is logged, and the agent goes on: without it connections
 * would be plain TCP.
 */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

struct mps_hub;
struct mps_options;

struct mps_confine {
    uid_t uid; /* of the key `user` */
    gid_t gid;
    bool has_user;
    bool forbidden; /* whoever asks for less is killed */
};

/* Before there are threads, and before files of others are read. */
void mps_confine_begin(struct mps_confine *c, const struct mps_options *options);

/* As the user of the key, if root has started the agent. From here on nothing is given up. */
void mps_confine_settle(struct mps_confine *c, struct mps_hub *hub);

/* As if the program with these credentials had started the agent, which root has started early. */
void mps_confine_as(struct mps_confine *c, struct mps_hub *hub, const struct ucred *program);
