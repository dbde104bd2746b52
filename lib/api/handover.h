/* SPDX-License-Identifier: MIT */
/*
 * From a TCP descriptor to a multipath one. Results are 0 or positive, or negative errno values;
 * only the public functions set errno. Sockets are used through direct system calls, so that the
 * preload, where it is loaded too, does not hand over the same connection again.
 */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>
#include "mptcpshim/mptcpshim.h"

/* The result as a public function returns it. */
int api_return(int result);

/*
 * Mark a listener, and let the agent share its port: after bind(), before listen(), so that the
 * kernel knows both listeners as one group. The agent's part follows with api_adopt_listener.
 */
int api_prepare_listener(int fd);

/*
 * mptcpshim_adopt by role; `opts` are checked, MPTCPSHIM_REQUIRED is the caller's business.
 * `fresh`: the program has not had the descriptor yet, and registered it nowhere. `listener`: what
 * accepted it just now, so that it is fresh, too; -1: not known.
 */
int api_adopt_client(int fd, bool fresh, const struct mptcpshim_options *opts);
int api_adopt_server(int fd, int listener, const struct mptcpshim_options *opts);
int api_adopt_listener(int fd, const struct mptcpshim_options *opts);

/* bind() says EADDRINUSE: has the agent left the address just now, where a listener has gone? */
bool api_port_was_left(const struct sockaddr *addr, socklen_t len);
