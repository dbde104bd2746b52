/* SPDX-License-Identifier: MIT */
#pragma once

/* The functions behind those of wide.c, which 32-bit programs call; part of mps_next_bind(). */
void mps_wide_bind(void (*bind_one)(void *slot, const char *name));
