/* SPDX-License-Identifier: MIT */
/* The drop-in by which a service runs under mptcpshim, and what in the unit would be in its way. */
#pragma once
#include <stdbool.h>
#include <stdio.h>
#include "unit_file.h"

/* The first line of what is written, by which it is known again. */
#define MPS_UNIT_MARK "# Written by 'mptcpshim enable'; 'mptcpshim disable' removes it."

/* Does the unit start a program by mptcpshim already? */
bool mps_unit_is_wrapped(const struct mps_unit *unit);

/*
 * The text of the drop-in, to be freed by the caller; NULL: out of memory. `launcher`: the file of
 * mptcpshim; `options`: words of `run` before the program.
 */
char *mps_unit_wrap(const struct mps_unit *unit, const char *launcher, char *const *options,
                    int n_options);

/*
 * Each thing that the administrator has to know, to `note`; true if one of them keeps connections
 * plain.
 */
bool mps_unit_judge(const struct mps_unit_place *place, const struct mps_unit *unit,
                    const char *launcher, void (*note)(const char *text));
