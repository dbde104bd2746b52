/* SPDX-License-Identifier: MIT */
/*
 * Socket options of a connection, whose descriptor is an AF_UNIX socket: as on a TCP socket.
 * Options of TCP and IP are the agent's, which has the subflows; some of SOL_SOCKET belong to the
 * program's own end, some to both; and for options that mean something else at an AF_UNIX socket a
 * TCP socket is asked (liketcp.h). binding.h says which are refused. Async-signal-safe; errno is
 * preserved.
 */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>
#include "ask.h"

/*
 * Would the system call on an AF_UNIX socket do something else than TCP, although it succeeds? Then
 * it has to be known first whether the descriptor is a connection. Levels that the system call
 * refuses are not among them.
 */
bool mps_sockopt_set_differs(int level, int option);
bool mps_sockopt_get_differs(int level, int option);

/*
 * 0, a negative errno value, or MPS_HO_NO_REPLY. *len: room in value, then bytes there. SO_PROTOCOL
 * is TCP's.
 */
int mps_sockopt_set(const struct mps_ho_conn *conn, int level, int option, const void *value,
                    socklen_t len);
int mps_sockopt_get(const struct mps_ho_conn *conn, int level, int option, void *value,
                    socklen_t *len);
