/* SPDX-License-Identifier: MIT */
#include "meter.h"

#include <stdbool.h>
#include <string.h>

void mps_meter_add(struct mps_meter *self, uint64_t n, mps_time_t now)
{
    uint64_t slot = now / MPS_METER_SLOT;

    if (self->since == 0 || slot >= self->slot + MPS_METER_SLOTS) {
        memset(self->bytes, 0, sizeof(self->bytes));
        self->since = now > 0 ? now : 1;
        self->slot = slot;
    }
    for (; self->slot < slot; self->slot++)
        self->bytes[(self->slot + 1) % MPS_METER_SLOTS] = 0;
    self->bytes[slot % MPS_METER_SLOTS] += n;
}

uint64_t mps_meter_rate(const struct mps_meter *self, mps_time_t now)
{
    uint64_t slot = now / MPS_METER_SLOT, sum = 0;
    uint64_t oldest = slot >= MPS_METER_SLOTS - 1 ? slot - (MPS_METER_SLOTS - 1) : 0;
    mps_time_t from = oldest * MPS_METER_SLOT, span;

    if (self->since == 0)
        return 0;
    for (unsigned i = 0; i < MPS_METER_SLOTS && i <= self->slot; i++) {
        if (self->slot - i >= oldest)
            sum += self->bytes[(self->slot - i) % MPS_METER_SLOTS];
    }
    if (from < self->since)
        from = self->since;
    span = now > from ? now - from : 0;
    if (span < MPS_METER_SLOT)
        span = MPS_METER_SLOT;
    /* In microseconds: 2 s of a terabit per second, times a million, are 2^58. */
    return sum * 1000000 / (span / MPS_USEC);
}
