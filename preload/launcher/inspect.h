/* SPDX-License-Identifier: MIT */
/* Can a program be shimmed at all? */
#pragma once
#include <stdbool.h>

/*
 * Why the dynamic loader will not load the preload into this program, as a text for the user; NULL
 * if it will, or if that cannot be told. both_classes: there is a preload for programs of 32 bits,
 * and one for those of 64. program is searched in PATH as execvp(3) does.
 */
const char *mps_inspect_program(const char *program, bool both_classes);
