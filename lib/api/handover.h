/* SPDX-License-Identifier: MIT */
/*
 * From a TCP descriptor to a multipath one. Results are 0 or positive, or negative errno values;
 * only the public functions set errno. Sockets are used through direct system calls, so that the
 * preload, where it is loaded too, does not hand over the same connection again.
 */
#pragma once
#include <stdbool.h>
#include "handover/names.h"
#include "mptcpshim/mptcpshim.h"

/* The result as a public function returns it. */
int api_return(int result);

/* Whether fd is a handed-over connection: 1 and *ret; 0: any other socket; -EBADF, -ENOTSOCK. */
int api_conn_name(int fd, struct mps_ho_conn_name *ret);

/* A reset instead of an orderly end; the descriptor stays the caller's. */
void api_reset(int fd);

/*
 * Mark a listener, and let the agent share its port: after bind(), before listen(), so that the
 * kernel knows both listeners as one group. The agent's part follows with api_adopt_listener.
 */
int api_prepare_listener(int fd);

/* mptcpshim_adopt by role; `opts` are checked, MPTCPSHIM_REQUIRED is the caller's business. */
int api_adopt_client(int fd, const struct mptcpshim_options *opts);
int api_adopt_server(int fd, const struct mptcpshim_options *opts);
int api_adopt_listener(int fd, const struct mptcpshim_options *opts);
