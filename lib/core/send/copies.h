/* SPDX-License-Identifier: MIT */
/*
 * How many bytes a scheduler whose copies are bounded (sched.h) may send twice: a 32nd of what the
 * stream sends, and besides what a slow dialogue needs, saved up to a first burst. So a transfer is
 * repeated by 3 % at most, and each message of somebody who types can be.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/time.h"

#define MPS_COPIES_SHARE  32u    /* one byte of so many */
#define MPS_COPIES_SECOND 4096u  /* bytes of each second */
#define MPS_COPIES_SAVED  65536u /* bytes at most, and at first */

struct mps_copies {
    uint64_t left;    /* bytes that may be copied, as of the last look */
    uint64_t sent;    /* bytes of the stream, then */
    mps_time_t asked; /* then; 0: never */
};

/*
 * The stream has sent `sent` bytes in all. True: `len` more may be copied, and are taken from what
 * is left. A structure of zeros is a new one.
 */
bool mps_copies_take(struct mps_copies *copies, uint64_t sent, uint32_t len, mps_time_t now);
