/* SPDX-License-Identifier: MIT */
/* What the user wants changed while the connection runs: backup flags, weights. */
#pragma once
#include "core/conn/state.h"

/* mps_conn_set_backup. */
int mps_priority_set(struct mps_conn *c, struct mps_subflow *sf, bool backup);
/* The flag of a local address is that of its subflows, whatever the port. */
void mps_priority_changed(struct mps_conn *c, const struct mps_addr *addr, bool backup);
/* The subflow carries data from now on, as its local address says. */
void mps_priority_apply(struct mps_subflow *sf);
/* mps_conn_local_set_weight; positive: it has changed. */
int mps_priority_set_weight(struct mps_conn *c, const struct mps_addr *addr, unsigned weight);
