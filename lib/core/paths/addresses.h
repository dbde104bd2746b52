/* SPDX-License-Identifier: MIT */
/* The addresses of both sides, as the connection knows them, and their ids on the wire. */
#pragma once
#include "core/conn/state.h"

void mps_addresses_init(struct mps_conn *c);
void mps_addresses_deinit(struct mps_conn *c);

/* ---- ours ---- */

/* Those of the first subflow. 0, MPS_ENOMEM, MPS_ELIMIT. */
int mps_addresses_first(struct mps_conn *c, const struct mps_addr *local,
                        const struct mps_addr *remote);

/* A further entry. 0, MPS_ENOMEM, MPS_ELIMIT. */
int mps_addresses_new(struct mps_conn *c, const struct mps_addr *addr, struct mps_local **ret);

/* The entry of an address and its port, NULL if there is none. */
struct mps_local *mps_addresses_find(struct mps_conn *c, const struct mps_addr *addr);

/* That of a subflow's local address, whatever the port; subflows name it by id and key. */
const struct mps_local *mps_addresses_of(const struct mps_conn *c, const struct mps_addr *local);

/* The peer is told of those that it is to know, once. */
void mps_addresses_announce(struct mps_conn *c);

/* ---- the peer's ---- */

/*
 * Does it go between the addresses of the first subflow, whatever the ports? Also where one of them
 * was withdrawn and has come back with another id, as far as that can be told from outside a NAT.
 */
bool mps_addresses_is_first(const struct mps_subflow *sf);

/* ADD_ADDR, whose HMAC is right. False: it is not taken. */
bool mps_addresses_remote_added(struct mps_conn *c, const struct mps_ctrl *ctrl);
void mps_addresses_remote_removed(struct mps_conn *c, mps_addr_id_t id);
