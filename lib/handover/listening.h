/* SPDX-License-Identifier: MIT */
/* Who listens under which abstract name, by the kernel's table /proc/net/unix. */
#pragma once

/*
 * The rest of the name behind `prefix`, if this line of the table is of a socket that listens under
 * an abstract name that begins so; else NULL. The text is within the line, which is cut at its end.
 */
const char *mps_ho_listening(char *line, const char *prefix);
