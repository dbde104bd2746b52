/* SPDX-License-Identifier: MIT */
/* Outgoing connections of the agent: marked joins, and the unmarked return to a plain peer. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/addr.h"

struct mps_sockopts;

/* Where a join goes: from `local` (port ignored), by interface `ifindex` (0, loopback: as routed).
 */
struct mps_connector_path {
    struct mps_addr local, remote;
    uint32_t ifindex;
};

/*
 * May a join over this path carry MPS_MARK_JOIN_LARGE? The MTU is asked from the kernel. Only
 * within a network: beyond a router the MTU may be smaller.
 */
bool mps_connector_takes_large(const struct mps_connector_path *path);

/*
 * A socket that is connecting, or -1 with errno. A join carries MPS_MARK_JOIN or, with `large`,
 * MPS_MARK_JOIN_LARGE.
 */
int mps_connector_join(const struct mps_connector_path *path, bool large,
                       const struct mps_sockopts *opts);
/*
 * Has the SYN of a join the size of segments that belongs to its mark? A route may set a smaller
 * size (advmss). The SYN is on its way, but a program learns of a connection only when the
 * handshake is over.
 */
bool mps_connector_is_marked(int fd);

int mps_connector_plain(const struct mps_addr *local, const struct mps_addr *remote,
                        const struct mps_sockopts *opts);

/* Is the address, whatever its port, one of this host? */
bool mps_connector_has(const struct mps_addr *local);

/* Results of mps_connector_result, on a writable or failed socket. */
#define MPS_CONNECTOR_MARKED   0 /* connected; the SYN-ACK showed an agent's mark */
#define MPS_CONNECTOR_UNMARKED 1 /* connected, to an agent only if a box took the mark away */
#define MPS_CONNECTOR_WAIT     2 /* not yet */

/* Negative: MPS_ESYS, the connect failed. */
int mps_connector_result(int fd);
