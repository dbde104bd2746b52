/* SPDX-License-Identifier: MIT */
/*
 * Sending to a connection that was reset. TCP tells of the reset once, by ECONNRESET and without a
 * signal; what follows meets a broken pipe: EPIPE and SIGPIPE. AF_UNIX has the signal at once. So
 * the send family asks for no signal on a descriptor that was swapped (a hint), and raises it here
 * if it is due. write() and writev() stay as they are: a confined process may not be allowed more.
 * Async-signal-safe.
 */
#pragma once
#include <stdbool.h>

/* A call with MSG_NOSIGNAL has failed with errno. `raises`: the program wants signals. */
void mps_broken_failed(int fd, bool raises);
