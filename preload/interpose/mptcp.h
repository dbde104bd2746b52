/* SPDX-License-Identifier: MIT */
/*
 * Programs that ask for MPTCP get a TCP socket, which can be marked; the kernel's MPTCP sockets
 * cannot. It behaves as a socket of the kernel's MPTCP does when the peer has no MPTCP: that falls
 * back to TCP. The wish is kept in the socket itself, so that it holds after dup, fork and exec: in
 * SO_RXQ_OVFL, which means nothing for streams, and goes with a swap (handover/carry.h).
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/*
 * list: LD_PRELOAD, or NULL. The library of mptcpize asks for MPTCP wherever the program asks for
 * TCP, by a direct system call.
 */
void mps_mptcp_start(const char *list);

/* Is a TCP socket to be made in the place of this one, not by libc's function? */
bool mps_mptcp_is_asked(int domain, int type, int protocol);

/* fd is such a socket. errno is preserved. */
void mps_mptcp_note(int fd);

/*
 * What SO_PROTOCOL is to say of a TCP socket, or an end of ours: IPPROTO_MPTCP if the program asked
 * for it, but not for what its listener accepted. errno is preserved.
 */
int mps_mptcp_protocol(int fd, bool ours);
