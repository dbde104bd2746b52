/* SPDX-License-Identifier: MIT */
/*
 * Part of the core in a build with -Dablate=true: MPS_OUT names what to take out
 * (core/base/part.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/base/part.h"

unsigned mps_parts_out;

static const char *const names[] = {
#define X(upper, lower) #lower,
    MPS_PARTS(X)
#undef X
};

__attribute__((constructor)) static void read_environment(void)
{
    const char *list = getenv("MPS_OUT");

    while (list != NULL && *list != '\0') {
        size_t len = strcspn(list, ",");
        unsigned i = 0;

        while (i < sizeof(names) / sizeof(names[0]) &&
               !(strlen(names[i]) == len && memcmp(names[i], list, len) == 0))
            i++;
        if (i < sizeof(names) / sizeof(names[0]))
            mps_parts_out |= 1u << i;
        else
            fprintf(stderr, "MPS_OUT: no part has the name %.*s\n", (int)len, list);
        list += len + (list[len] == ',');
    }
}
