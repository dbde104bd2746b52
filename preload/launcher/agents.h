/* SPDX-License-Identifier: MIT */
/*
 * The agents of this network namespace, asked all at once. A process that listens under an agent's
 * name counts as an agent until it shows otherwise: it may be stopped, of another version, another
 * user's, or nothing of ours at all. So no answer is waited for longer than MPS_AGENTS_WAIT_MS, and
 * what is taken of an answer is bounded.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include "handover/message.h"
#include "handover/names.h"

struct json_object;

#define MPS_AGENTS_WAIT_MS 1000 /* for all of them together */

enum mps_agent_answer {
    MPS_AGENT_SILENT,   /* did not answer in time: stopped, or hangs */
    MPS_AGENT_OK,       /* did what was asked */
    MPS_AGENT_ERROR,    /* says why not: reply.error, reply.data */
    MPS_AGENT_STRANGER, /* belongs to another user, and was not asked */
    MPS_AGENT_CLOSED,   /* went away from the request: another version does so */
    MPS_AGENT_VERSION,  /* answered as another version */
    MPS_AGENT_GARBAGE,  /* answered something else */
    MPS_AGENT_ENDED,    /* is gone: agents end when they have nothing to do */
    MPS_AGENT_UNASKED,  /* could not be asked: reply.error */
};

struct mps_agent {
    char id[MPS_HO_ID_LEN + 1];
    enum mps_agent_answer answer;
    struct ucred cred; /* who listens; pid 0: not known, or of another PID namespace */
    struct mps_ho_reply reply;
    int fd;     /* that came with the reply, -1: none; the list's */
    int events; /* MPS_HO_MONITOR: our end of the pair, -1: none; the list's unless it is taken */
    int sock;   /* while it is asked */
};

struct mps_agents {
    size_t n;
    struct mps_agent agent[];
};

/*
 * Ask all agents, or the one with id `only` (NULL: all), with `text` (NULL: none). Root asks those
 * of other users, too. NULL after a complaint. The caller frees it.
 */
struct mps_agents *mps_agents_ask(enum mps_ho_op op, const char *text, const char *only);
void mps_agents_free(struct mps_agents *agents);

size_t mps_agents_count(const struct mps_agents *agents, enum mps_agent_answer answer);

/*
 * Complain of each that did not answer as an agent does; 0 or MPS_EXIT_NO_ANSWER. Agents that are
 * gone and strangers are not among them.
 */
int mps_agents_complain(const struct mps_agents *agents, const char *command);

/*
 * MPS_HO_STATUS or MPS_HO_PATHS of all, joined to one JSON array (the caller's). An agent whose
 * answer is no array becomes MPS_AGENT_GARBAGE. NULL: out of memory, after a complaint.
 */
struct json_object *mps_agents_json(struct mps_agents *agents);
