/* SPDX-License-Identifier: MIT */
/* Where the preloaded library and the agent are. */
#pragma once
#include <limits.h>
#include <stdbool.h>

#define MPS_PRELOAD_NAME "libmptcpshim_preload.so"

struct mps_places {
    char library[PATH_MAX];
    char agent[PATH_MAX];
};

/*
 * Library and agent beside this executable (a build directory), or where they are installed. False
 * if there is no library.
 */
bool mps_places_find(struct mps_places *ret);

/*
 * Beside the library one for 32-bit programs may be: "$LIB" stands for what each program's loader
 * calls its library directory (preload/lib32). Tried, since that is the loader's to know. The name
 * is changed then.
 */
bool mps_places_serve_both(char library[PATH_MAX]);
