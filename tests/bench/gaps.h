/* SPDX-License-Identifier: MIT */
/*
 * Times without a byte, as the reader of a stream sees them, and how long they were less the times
 * when the machine itself stood still: nothing that runs on it can read then.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct interval {
    double begin, end; /* seconds, of stream_now() */
};

struct gaps {
    struct interval *gap;
    size_t n, room;
};

/* Remember a time without a byte. Those below 1 ms are passed over. False: out of memory. */
bool gaps_add(struct gaps *g, double begin, double end);

/*
 * The longest of them in seconds, less its part in the intervals that the file `stalls` lists, one
 * "BEGIN END" per line in order of their ends (witness.c writes them); NULL: less nothing. -1 if
 * the file cannot be read.
 */
double gaps_longest(const struct gaps *g, const char *stalls);

void gaps_free(struct gaps *g);
