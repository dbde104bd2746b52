/* SPDX-License-Identifier: MIT */
/*
 * The schedulers, a row each, the default first. SCHEDULER(x) is the file sched_x.c with its
 * mps_sched_x (sched.h), and the name that users write. The build takes the files from here, so
 * that a row stays in one line; mptcpshim(1) and mptcpshim.conf(5) describe each of them.
 */
#pragma once

#define MPS_SCHEDULERS(SCHEDULER)                                                                  \
    SCHEDULER(ecf)                                                                                 \
    SCHEDULER(minrtt)                                                                              \
    SCHEDULER(roundrobin)                                                                          \
    SCHEDULER(redundant)                                                                           \
    SCHEDULER(selective)                                                                           \
    SCHEDULER(backup)
