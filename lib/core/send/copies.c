/* SPDX-License-Identifier: MIT */
#include "copies.h"

static uint64_t saved_since(const struct mps_copies *copies, uint64_t sent, mps_time_t now)
{
    uint64_t us = (uint64_t)((now - copies->asked) / MPS_USEC);

    if (copies->asked == 0 || us > UINT64_C(1000000) * MPS_COPIES_SAVED / MPS_COPIES_SECOND)
        return MPS_COPIES_SAVED;
    return (sent - copies->sent) / MPS_COPIES_SHARE + us * MPS_COPIES_SECOND / 1000000;
}

bool mps_copies_take(struct mps_copies *copies, uint64_t sent, uint32_t len, mps_time_t now)
{
    uint64_t left = copies->left + saved_since(copies, sent, now);

    left = left < MPS_COPIES_SAVED ? left : MPS_COPIES_SAVED;
    *copies = (struct mps_copies){.left = left, .sent = sent, .asked = now};
    if (len > left)
        return false;
    copies->left -= len;
    return true;
}
