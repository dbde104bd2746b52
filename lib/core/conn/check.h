/* SPDX-License-Identifier: MIT */
/*
 * What always holds inside a connection: the parts of mps_conn_check that have no header of their
 * own.
 */
#pragma once
#include "state.h"

/* NULL, or what is broken in it. */
const char *mps_sf_check(const struct mps_subflow *sf);
const char *mps_paths_check(const struct mps_paths *p);
