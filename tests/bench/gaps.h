/* SPDX-License-Identifier: MIT */
/*
 * Times without a byte, as the reader of a stream sees them, and the longest of those that the
 * machine had no part in. When a processor stands still, nothing on it can read; what it did not
 * send meanwhile is missing at the other end a path's delay later, and once more when the
 * acknowledgments of that are due. So a gap counts as quiet if for GAPS_ECHO before it, and during
 * it, no processor stood still.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define GAPS_STALL 0.002 /* s: shorter ones are ordinary scheduling */
#define GAPS_ECHO  0.5   /* s: longer than the round trip of most rows */

struct interval {
    double begin, end; /* seconds, of stream_now() */
};

struct gaps {
    struct interval *gap;
    size_t n, room;
};

struct quiet {
    double gap;     /* s, the longest one; 0 if there was none */
    double seconds; /* of the measurement that were quiet */
};

/* Remember a time without a byte. Those below 0.2 ms are passed over. False: out of memory. */
bool gaps_add(struct gaps *g, double begin, double end);

double gaps_longest(const struct gaps *g); /* s */

/*
 * The same of the quiet part of a measurement from `begin` to `end`. The file `stalls` lists when
 * processors stood still, one "BEGIN END" per line in order of their ends (witness.c writes it);
 * NULL: they never did. False if it cannot be read or memory is short.
 */
bool gaps_quiet(const struct gaps *g, double begin, double end, const char *stalls,
                struct quiet *ret);

void gaps_free(struct gaps *g);
