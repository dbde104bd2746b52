/* SPDX-License-Identifier: MIT */
/* Two agents with one connection over loopback between them, whose ends the test holds. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "agent_client.h"

struct agent_pair {
    struct agent_client server, client;
    int listener, app_client, app_server;
    uint64_t id_client, id_server;
};

/* With these options, as words; agent_pair_start: with an idle time of a second. */
void agent_pair_start_with(struct agent_pair *p, const char *options);
void agent_pair_start(struct agent_pair *p);

/* Closes the connection; both agents end by themselves then. */
void agent_pair_end(struct agent_pair *p);

/* One of `events`, as for poll(), comes soon. */
bool agent_pair_readable(int fd, short events);

/* A byte gets from one end to the other. */
void agent_pair_echo(int from, int to);
