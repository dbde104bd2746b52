/* SPDX-License-Identifier: MIT */
/* What a program has set on its TCP socket goes with it to the end that takes its place. */
#pragma once

/*
 * Options of SOL_SOCKET that the kernel follows at an AF_UNIX socket, who gets SIGIO and SIGURG,
 * and O_NONBLOCK and O_ASYNC. Async-signal-safe; errno may change.
 */
void mps_carry_settings(int from, int to);
