/* SPDX-License-Identifier: MIT */
/*
 * A program's SO_KEEPALIVE, its times, and TCP_USER_TIMEOUT, as they hold for a whole connection.
 */
#pragma once
#include "core/conn/deadpeer.h"

struct mps_sockopts;

struct mps_timeouts mps_timeouts_of(const struct mps_sockopts *opts);
