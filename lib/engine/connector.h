/* SPDX-License-Identifier: MIT */
/* Outgoing connections of the agent: marked joins, and the unmarked return to a plain peer. */
#pragma once
#include <stdint.h>
#include "core/addr.h"

struct mps_sockopts;

/*
 * A socket that is connecting from `local` (port ignored) to `remote`, or -1 with errno. A join
 * carries MPS_MARK_JOIN and leaves by interface `ifindex` (0 and loopback: as routed).
 */
int mps_connector_join(const struct mps_addr *local, uint32_t ifindex,
                       const struct mps_addr *remote, const struct mps_sockopts *opts);
int mps_connector_plain(const struct mps_addr *local, const struct mps_addr *remote,
                        const struct mps_sockopts *opts);

/* Results of mps_connector_result, on a writable or failed socket. */
#define MPS_CONNECTOR_MARKED   0 /* connected; the SYN-ACK showed MPS_MARK_AGENT */
#define MPS_CONNECTOR_UNMARKED 1 /* connected, to an agent only if a box took the mark away */
#define MPS_CONNECTOR_WAIT     2 /* not yet */

/* Negative: MPS_ESYS, the connect failed. */
int mps_connector_result(int fd);
