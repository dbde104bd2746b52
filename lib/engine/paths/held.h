/* SPDX-License-Identifier: MIT */
/*
 * What programs were found to hold (holds.h), remembered for a while: a look costs as much as the
 * program has descriptors, and a busy program has one for each of its connections. An answer counts
 * as long as MPS_HELD_TIMES looks take, so that looking is a small part of an engine's time; and
 * never across a change of the tunnels.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/time.h"
#include "holds.h"
#include "netaddr.h"

#define MPS_HELD_TIMES    16
#define MPS_HELD_PROGRAMS 8

/* Zero: nothing is remembered. Of one engine, in its thread. */
struct mps_held {
    struct mps_held_answer {
        pid_t pid; /* 0: none */
        uint64_t tunnels;
        mps_time_t until;
        struct mps_holds holds;
    } answer[MPS_HELD_PROGRAMS];
    unsigned next; /* whose place the next program takes */
};

/* A number for the tunnels among the addresses: another one when they change. 0: there is none. */
uint64_t mps_held_tunnels(const struct mps_netaddr_list *list);

/* False: has to be looked for, and kept. */
bool mps_held_recall(const struct mps_held *self, pid_t pid, uint64_t tunnels, mps_time_t now,
                     struct mps_holds *ret);

/* A look that lasted from `began` to `now`. */
void mps_held_keep(struct mps_held *self, pid_t pid, uint64_t tunnels, mps_time_t began,
                   mps_time_t now, const struct mps_holds *holds);
