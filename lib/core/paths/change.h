/* SPDX-License-Identifier: MIT */
/* An address of either side, or a route, comes or goes: what follows for subflows and pairs. */
#pragma once
#include "core/conn/state.h"

/* mps_conn_local_add; positive: something has changed. */
int mps_change_local_add(struct mps_conn *c, const struct mps_addr *addr, uint32_t ifindex,
                         bool backup, bool announce);
/* mps_conn_local_remove. */
int mps_change_local_remove(struct mps_conn *c, const struct mps_addr *addr, mps_time_t now);
/* mps_conn_route_changed. */
void mps_change_route(struct mps_conn *c, const struct mps_route *route, mps_time_t now);

/* ADD_ADDR, whose HMAC is right, and REMOVE_ADDR, which came on `carrier`. */
void mps_change_remote_added(struct mps_conn *c, const struct mps_ctrl *ctrl);
void mps_change_remote_removed(struct mps_conn *c, mps_addr_id_t id,
                               const struct mps_subflow *carrier, mps_time_t now);
