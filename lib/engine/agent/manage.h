/* SPDX-License-Identifier: MIT */
/* The requests of `mptcpshim path` and `mptcpshim set`, and those of the library like them. */
#pragma once
#include <stdbool.h>
#include "dispatch.h"

/* MPS_HO_PATH. The hub's thread. */
void mps_manage_path(struct mps_hub *hub, const struct mps_ho_request *req, struct mps_dispatch *d);

/* The connection's id or token that a MPS_HO_CONN_SET names; false: it names none. Any thread. */
bool mps_manage_target(const struct mps_ho_request *req, uint64_t *ret);

/* MPS_HO_CONN_SET. The engine's thread, as the next one. */
void mps_manage_connection(struct mps_engine *eng, const struct mps_ho_request *req,
                           struct mps_dispatch *d);

/* MPS_HO_CONN_OWN. */
void mps_manage_own(struct mps_engine *eng, const struct mps_ho_request *req,
                    struct mps_dispatch *d);

/* MPS_HO_PATHS: an array with the subflows of this engine. */
struct json_object *mps_manage_paths(const struct mps_engine *eng);

/* Add the subflows of another such array. Any thread. */
void mps_manage_join_paths(struct json_object *list, struct json_object *more);
