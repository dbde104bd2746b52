/* SPDX-License-Identifier: MIT */
/* Both ends of connections by the library, over 127.0.0.1 and 127.0.0.2. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include "mptcpshim/mptcpshim.h"

#define WAIT_MS 8000

struct pair {
    struct sockaddr_in at;
    struct mptcpshim_options opts;
    int listener, client, server;
};

/* Round robin over both addresses, with MPTCPSHIM_* flags. */
struct mptcpshim_options pair_options(unsigned flags);

/* A listener at a free port; from it on each asserts that the library does as asked. */
void pair_listen(struct pair *p, unsigned flags);
int pair_connect(const struct pair *p); /* what mptcpshim_connect() returns */
void pair_open(struct pair *p);
void pair_close(struct pair *p);

void check_transfer(int from, int to);

/* Waits until `condition` holds of the connection's counters; the last counters are in *ret. */
bool wait_for(int fd, bool (*condition)(int r, const struct mptcpshim_stats *stats),
              struct mptcpshim_stats *ret);
bool has_two_subflows(int r, const struct mptcpshim_stats *stats);

/* Of a group of tests: no descriptor is left over. */
int pair_setup(void **state);
int pair_teardown(void **state);
