/* SPDX-License-Identifier: MIT */
/*
 * The path managers, a row each, the default first. PATH_MANAGER(x) is the file pm_x.c with its
 * mps_pm_x (pm.h), and the name that users write. The build takes the files from here, so that a
 * row stays in one line; mptcpshim.conf(5) describes each of them.
 */
#pragma once

#define MPS_PATH_MANAGERS(PATH_MANAGER)                                                            \
    PATH_MANAGER(pairs)                                                                            \
    PATH_MANAGER(fullmesh)
