/* SPDX-License-Identifier: MIT */
/* Can a program be shimmed at all? What its file tells of that. */
#pragma once
#include <limits.h>
#include <stdbool.h>

#define MPS_INSPECT_DEPTH 5 /* a script, its interpreter, which may be a script, ... */

struct mps_inspection {
    char file[MPS_INSPECT_DEPTH][PATH_MAX]; /* the program, and those that it names by "#!" */
    unsigned n;                             /* how many; 0: there is no such file */
    int error;                              /* why the last one cannot be executed, or read */
    unsigned bits;                          /* of the last one: 32, 64; 0: no ELF file */
    const char *libc;                       /* "glibc", "musl", "unknown", "none" */
    const char *reason; /* why it will use plain TCP, for the user; NULL: it is served */
    const char *advice; /* what to do about it; NULL: nothing */
    const char *note;   /* what is not served although the program is; NULL: nothing */
};

/*
 * both_classes: there is a preload for programs of 32 bits, and one for those of 64. program is
 * searched in PATH as execvp(3) does. What cannot be told counts as served, except for `error`.
 */
void mps_inspect(const char *program, bool both_classes, struct mps_inspection *ret);
