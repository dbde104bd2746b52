/* SPDX-License-Identifier: MIT */
/*
 * Peers that answered without a mark a moment ago: connect() does not try again at once, so that
 * a program with many short connections to a plain server pays for the marks once in a while only.
 * No lock, no malloc; async-signal-safe. Each entry is forgotten after MPS_RECENT_MS, and a wrong
 * hit (two addresses of one hash) means plain TCP for as long.
 */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>

#define MPS_RECENT_MS 2000

/* `addr` (AF_INET or AF_INET6, whole) answered without a mark. */
void mps_recent_remember(const struct sockaddr *addr);

/* Did it do so within the last MPS_RECENT_MS? */
bool mps_recent_is_plain(const struct sockaddr *addr);
