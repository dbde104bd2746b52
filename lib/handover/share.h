/* SPDX-License-Identifier: MIT */
/*
 * A port that a listener of the program shares with the agent (SO_REUSEPORT), and with nobody else:
 * what binds and listens meets EADDRINUSE where it would without us. Linux looks at each socket of
 * a port when another one comes, unless that one asks for sharing and is like the last one that
 * did: this is remembered by address, of which a wildcard is like all that it covers. So the last
 * one has to be at an address that nobody asks for.
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
 * The last that asks for sharing of this port, the one of listener `fd`: a socket that is closed
 * at once, at an address of the other family that is no host's. As long as all that have the port
 * let it in, this works for a wildcard of both families, too, because mps_share_begin() has left
 * one of IPv6 only as the last. 0 or a negative errno value.
 */
int mps_share_park(int fd);
