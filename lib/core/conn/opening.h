/* SPDX-License-Identifier: MIT */
/*
 * Opening exchanges. First subflow: HELLO, HELLO_REPLY. Join: JOIN, JOIN_REPLY, JOIN_CONFIRM, with
 * HMACs both ways before any frame is looked at (RFC 6824 section 3.2).
 */
#pragma once
#include "state.h"

/* mps_conn_first_subflow, mps_conn_join_accept, mps_subflow_connected. */
int mps_open_first(struct mps_conn *c, const struct mps_addr *local, const struct mps_addr *remote,
                   mps_time_t now, struct mps_subflow **ret);
int mps_open_accept(struct mps_conn *c, const struct mps_opening *join,
                    const struct mps_addr *local, const struct mps_addr *remote, mps_time_t now,
                    struct mps_subflow **ret);
int mps_open_connected(struct mps_subflow *sf, const struct mps_addr *local,
                       const struct mps_addr *remote, mps_time_t now);

/* An opening message has come on the subflow. 0 or a negative code. */
int mps_open_message(struct mps_subflow *sf, const struct mps_opening *msg, mps_time_t now);

/* Fresh metrics of a subflow: those of the first one may show that HELLO waits in vain. */
void mps_open_metrics(struct mps_subflow *sf, mps_time_t now);

/* mps_conn_first_address_gone. False: nothing happened. */
bool mps_open_address_gone(struct mps_conn *c, mps_time_t now);
