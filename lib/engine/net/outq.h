/* SPDX-License-Identifier: MIT */
/* SIOCOUTQ and SIOCOUTQNSD of a connection, as tcp(7) defines them. */
#pragma once

struct mps_session;

/*
 * Bytes the application wrote that the peer has not acknowledged (SIOCOUTQ), or that were not sent
 * even once (SIOCOUTQNSD): in the application's socket, in the agent and on the subflows. 0 or an
 * errno value.
 */
int mps_outq_get(const struct mps_session *s, int request, int *ret_bytes);
