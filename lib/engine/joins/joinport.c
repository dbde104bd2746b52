/* SPDX-License-Identifier: MIT */
#include "joinport.h"

#include "engine/agent/engine.h"

uint16_t mps_joinport_of(const struct mps_engine *eng, const struct mps_addr *addr, bool own)
{
    if (addr->port != 0 && mps_steered_cover(eng->view->steered, eng->view->n_steered, addr))
        return addr->port;
    if (!own)
        return 0;
    if (eng->view->join_port != 0)
        return eng->view->join_port;
    return eng->open_join_port(eng->user);
}
