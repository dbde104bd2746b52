/* SPDX-License-Identifier: MIT */
/* Can a program be shimmed at all? */
#pragma once

/*
 * Why the dynamic loader will not load the preload into this program, as a text for the user; NULL
 * if it will, or if that cannot be told. program is searched in PATH as execvp(3) does.
 */
const char *mps_inspect_program(const char *program);
