/* SPDX-License-Identifier: MIT */
/* The requests of `mptcpshim path` and `mptcpshim set`. */
#pragma once
#include "dispatch.h"

/* MPS_HO_PATHS, MPS_HO_PATH, MPS_HO_CONN_SET. */
void mps_manage_request(struct mps_hub *hub, const struct mps_ho_request *req,
                        struct mps_dispatch *d);
