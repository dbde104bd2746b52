/* SPDX-License-Identifier: MIT */
/* Life of a subflow. What its end means to the connection is decided by core/conn/news.h. */
#pragma once
#include "state.h"

/* A new one in CONNECTING or OPENING, linked; NULL: no memory or no slot. */
struct mps_subflow *mps_sf_new(struct mps_conn *conn, uint32_t id, const struct mps_addr *local,
                               const struct mps_addr *remote);
void mps_sf_free(struct mps_subflow *sf);

/* It carries data from now on. */
void mps_sf_begin(struct mps_subflow *sf, mps_time_t now);

/* It is dead from now on, and holds nothing any more. */
void mps_sf_end(struct mps_subflow *sf, bool reset, enum mps_reason reason);

/* Fresh measurements. True: it hangs now, or does not hang any more. */
bool mps_sf_update(struct mps_subflow *sf, const struct mps_metrics *m, mps_time_t now);

/* A dead one that the transport never heard of needs no event. */
void mps_sf_reap(struct mps_conn *c);
