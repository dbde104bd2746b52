/* SPDX-License-Identifier: MIT */
/*
 * Memory that is kept for when there is no other: libev cannot do without what it asks for, and ends
 * the process if it does not get it. It gets the reserve then, and after that waits. An agent whose
 * reserve is not whole takes nobody new; what it has goes on.
 */
#pragma once
#include <stdbool.h>

/* Put it aside and make libev use it: before the first loop. */
void mps_spare_init(void);

/* Is it there, perhaps again? Always true before mps_spare_init. Any thread. */
bool mps_spare_is_whole(void);
