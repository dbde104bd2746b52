/* SPDX-License-Identifier: MIT */
#include "arrived.h"

uint64_t mps_sf_given(const struct mps_subflow *sf)
{
    return sf->bytes_sent + sf->tx.queued;
}

/*
 * What TCP still holds counts heads of frames and control bytes, too, and what follows the frame
 * does not: in doubt it has not arrived.
 */
bool mps_sf_has_arrived(const struct mps_subflow *sf, uint64_t end)
{
    uint64_t held = sf->m.in_flight + sf->m.notsent + sf->tx.taken + sf->tx.queued;

    return sf->measured && !sf->split && sf->m.srtt_us > 0 && end + held <= mps_sf_given(sf);
}
