/* SPDX-License-Identifier: MIT */
/* Addresses of both sides, their ids, and the path manager's decisions put into effect. */
#pragma once
#include "core/conn/state.h"

void mps_paths_deinit(struct mps_conn *c);
int mps_paths_first(struct mps_conn *c, const struct mps_addr *local,
                    const struct mps_addr *remote);
void mps_paths_run(struct mps_conn *c, mps_time_t now);
void mps_paths_failed(struct mps_conn *c, const struct mps_subflow *sf, bool transient,
                      mps_time_t now);
void mps_paths_avoid(struct mps_subflow *sf, mps_time_t until);
/* A join of the peer's works: it takes the place of one that hangs, which was not counted. */
void mps_paths_keep_limit(struct mps_conn *c, mps_time_t now);
/* The peer says only now that a box changed bytes on the subflow `id`, which has ended before. */
void mps_paths_blame(struct mps_conn *c, uint32_t id, mps_time_t now);
void mps_paths_works(struct mps_conn *c); /* a subflow is active from now on */
/* The entry of an address, NULL if there is none; subflows name it by id and key. */
const struct mps_local *mps_paths_local(const struct mps_conn *c, const struct mps_addr *local);
void mps_paths_remote_added(struct mps_conn *c, const struct mps_ctrl *ctrl);
void mps_paths_remote_removed(struct mps_conn *c, mps_addr_id_t id,
                              const struct mps_subflow *carrier, mps_time_t now);
bool mps_paths_peer_id_free(const struct mps_conn *c, uint32_t id);
void mps_paths_peer_id_used(struct mps_conn *c, uint32_t id);
void mps_paths_announce(struct mps_conn *c);
struct mps_local *mps_paths_find_local(struct mps_conn *c, const struct mps_addr *addr);
int mps_paths_local_add(struct mps_conn *c, const struct mps_addr *addr, uint32_t ifindex,
                        bool backup, bool announce_it);
int mps_paths_local_remove(struct mps_conn *c, const struct mps_addr *addr, mps_time_t now);
void mps_paths_route_changed(struct mps_conn *c, const struct mps_route *route, mps_time_t now);
