/* SPDX-License-Identifier: MIT */
/*
 * What the user excepts, from words of MPS_ENV_OPTIONS: programs that stay plain or are for
 * something else than the others, peers that are known although no mark shows them, sockets that
 * keep to their address. Read once, at the start; async-signal-safe afterwards.
 */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>

/* leave-alone=NAME,... for this executable, leave-ports=PORT,... and capable=ADDRESS/BITS,... */
void mps_exceptions_read(const char *options, const char *executable);

/*
 * What this program's connections are for, by its name: a word for the agent, "" if nothing was
 * said. bulk=NAME,..., interactive=NAME,... and handover=NAME,...
 */
const char *mps_exceptions_purpose(void);

/* bind=keep: the agent wants to know what a program has bound. */
bool mps_exceptions_keep_bound(void);

/* This program's connections and listeners are not to be marked. */
bool mps_exceptions_left_alone(void);

/*
 * Connections to this port, and listeners on it, are not to be marked; `port` is in host byte
 * order.
 */
bool mps_exceptions_left_port(unsigned port);

/* The port of an address of the internet families, 0 of others. */
unsigned mps_exceptions_port_of(const struct sockaddr *addr, socklen_t len);

/* The peer of fd, a TCP socket, speaks the protocol whatever the marks say. errno is preserved. */
bool mps_exceptions_peer_capable(int fd);
