/* SPDX-License-Identifier: MIT */
/*
 * What poll() and select() do before and after libc's function, under whatever name and with
 * whatever kind of time they are called (wide.c has those of 32-bit libcs). The second of each pair
 * returns `rc`.
 */
#pragma once
#include <poll.h>
#include <sys/select.h>

void mps_waits_poll(struct pollfd *fds, nfds_t n);
int mps_waited_poll(struct pollfd *fds, nfds_t n, int rc);

void mps_waits_select(int n, const fd_set *readable);
int mps_waited_select(int n, const fd_set *readable, int rc);
