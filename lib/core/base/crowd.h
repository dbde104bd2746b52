/* SPDX-License-Identifier: MIT */
/*
 * Who gives way where there are few places for guests that nobody knows yet, and anybody can send
 * many. Guests are counted by network (IPv4 /24, IPv6 /48), and within it by host (an IPv4 address,
 * an IPv6 /64): the oldest of the largest crowd leaves, so that the places of a flood from one
 * source are those that newcomers of others get.
 */
#pragma once
#include "addr.h"
#include "time.h"

struct mps_crowd_guest {
    struct mps_addr from; /* the port does not count */
    mps_time_t since;
};

/*
 * Which of the `n` guests gives way to another one from `from`; `n`: none does. A guest does not
 * give way to one of its own host if it came after `fresh`.
 */
unsigned mps_crowd_yields(const struct mps_crowd_guest *guests, unsigned n,
                          const struct mps_addr *from, mps_time_t fresh);
