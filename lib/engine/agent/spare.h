/* SPDX-License-Identifier: MIT */
/*
 * Memory that is kept for the time when there is no other. libev cannot do without the memory it
 * asks for, and ends the process if it does not get any; it gets this reserve then, and after that
 * its request waits. An agent whose reserve is not whole takes no new connections; those that it
 * has go on.
 */
#pragma once
#include <stdbool.h>

/* Put it aside and make libev use it: before the first loop. */
void mps_spare_init(void);

/* Is it there, perhaps again? Always true before mps_spare_init. Any thread. */
bool mps_spare_is_whole(void);
