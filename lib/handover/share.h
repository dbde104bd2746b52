/* SPDX-License-Identifier: MIT */
/*
 * A port that a listener of the program shares with the agent (SO_REUSEPORT), and with nobody else:
 * what binds and listens meets EADDRINUSE where it would without us. When another socket asks for a
 * port, Linux looks at each socket that has the port already; but not if the new socket asks for
 * sharing and has the same address as the last socket that did, where a wildcard counts as the same
 * as every address that it covers. So the last socket that asks for sharing has to be at an address
 * that nobody else asks for.
 */
#pragma once

/*
 * After the program's own bind() (so that EADDRINUSE kept its meaning), before its listen(): lets
 * the agent listen on the same address and port. 1: done, pass MPS_HO_STEER; 0: the program shares
 * the port already by SO_REUSEPORT, or another listener has it, so that listen() will say so; or a
 * negative errno value.
 */
int mps_share_begin(int fd);

/*
 * Make the last socket that asks for sharing of the port of listener `fd`: it has an address of the
 * other family that no host has, and is closed at once. While all sockets at the port let it in,
 * this works for a wildcard of both families, too, because mps_share_begin() has left a socket of
 * IPv6 alone as the last one. 0 or a negative errno value.
 */
int mps_share_park(int fd);
