/* SPDX-License-Identifier: MIT */
#include "ack.h"
#include <stddef.h>
#include "core/base/constants.h"

/* Received bytes that make an acknowledgment due: an eighth of the window within these bounds. */
#define ACK_BYTES_MIN 32768u
#define ACK_BYTES_MAX 262144u

void mps_ack_init(struct mps_ack *a)
{
    *a = (struct mps_ack){.due = MPS_NEVER};
}

static uint64_t threshold(uint64_t window)
{
    uint64_t step = window / 8;

    if (step < ACK_BYTES_MIN)
        return ACK_BYTES_MIN;
    return step > ACK_BYTES_MAX ? ACK_BYTES_MAX : step;
}

void mps_ack_data(struct mps_ack *a, uint64_t n, uint64_t window, uint32_t id, mps_time_t now)
{
    a->subflow_id = id;
    a->pending += n;
    if (a->pending >= threshold(window))
        a->due = now;
    else
        mps_ack_soon(a, now);
}

void mps_ack_soon(struct mps_ack *a, mps_time_t now)
{
    if (a->due == MPS_NEVER)
        a->due = now + MPS_ACK_DELAY;
}

void mps_ack_now(struct mps_ack *a, mps_time_t now)
{
    a->due = now;
}

bool mps_ack_is_due(const struct mps_ack *a, mps_time_t now)
{
    return a->due <= now;
}

void mps_ack_sent(struct mps_ack *a)
{
    a->pending = 0;
    a->due = MPS_NEVER;
}

const char *mps_ack_check(const struct mps_ack *a)
{
    return a->pending > 0 && a->due == MPS_NEVER ? "ack: bytes came and none is due" : NULL;
}
