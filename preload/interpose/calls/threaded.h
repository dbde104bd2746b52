/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

/*
 * May the process have more than one thread? glibc 2.32 and later says; of older ones, and of other
 * libcs, the kernel is asked, and where that cannot be done the answer is yes.
 * Async-signal-safe; errno is preserved.
 */
bool mps_threaded(void);
