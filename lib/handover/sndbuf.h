/* SPDX-License-Identifier: MIT */
/*
 * The send buffer of the application's end of a connection, an AF_UNIX stream; what SO_SNDBUF gets,
 * which the kernel doubles.
 *
 * The agent leaves the last byte of what the application wrote in the queue, and with it the piece
 * that it came in, which counts in full: up to 16 pages and a head where sendfile(2) wrote it. A
 * descriptor becomes writable only while at most a quarter of its buffer is in use, so four such
 * pieces must fit in. More than some of them gains no rate, not on loopback either, and is in the
 * way of what the application writes next.
 */
#pragma once
#include <stddef.h>

#define MPS_HO_PIECE_PAGES 17u

static inline size_t mps_ho_sndbuf_min(size_t page)
{
    return 2 * MPS_HO_PIECE_PAGES * page;
}

/* For an application that asked for so much, 0: for nothing. */
static inline size_t mps_ho_sndbuf(size_t asked, size_t page)
{
    size_t min = mps_ho_sndbuf_min(page), max = 3 * MPS_HO_PIECE_PAGES * page;

    if (asked == 0 || asked > max)
        return max;
    return asked > min ? asked : min;
}
