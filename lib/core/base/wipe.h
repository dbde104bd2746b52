/* SPDX-License-Identifier: MIT */
/* Secrets that are not needed any more are overwritten, whatever the compiler thinks of that. */
#pragma once
#include <stddef.h>

static inline void mps_wipe(void *p, size_t n)
{
    volatile unsigned char *at = p;

    while (n-- > 0)
        *at++ = 0;
}
