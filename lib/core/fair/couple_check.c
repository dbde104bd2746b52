/* SPDX-License-Identifier: MIT */
/* What always holds in fairness (couple.h). */
#include <stddef.h>
#include "couple_int.h"

static const char *check_slot(const struct mps_couple *cp, unsigned slot)
{
    const struct mps_couple_slot *s = &cp->slot[slot];

    if (!mps_couple_rests(cp, slot))
        return NULL;
    if (s->leader > MPS_COUPLE_NONE || s->leader == slot)
        return "couple: a subflow rests behind none, or behind itself";
    if (!(cp->known & UINT32_C(1) << s->leader) || !(cp->known & UINT32_C(1) << slot))
        return "couple: a subflow that is gone rests, or leads";
    return mps_couple_rests(cp, s->leader) ? "couple: a subflow rests behind one that rests" : NULL;
}

const char *mps_couple_check(const struct mps_couple *cp)
{
    const struct mps_sbd *sbd = &cp->sbd;

    for (unsigned slot = 0; slot < MPS_FAIR_SLOTS; slot++) {
        const char *broken = check_slot(cp, slot);

        if (broken)
            return broken;
    }
    if (mps_sbd_running(sbd) && (sbd->at == MPS_NEVER || sbd->paused >= MPS_FAIR_SLOTS ||
                                 !(sbd->watched & UINT32_C(1) << sbd->paused)))
        return "couple: an experiment with nobody, or without an end";
    if (cp->known && mps_couple_resting(cp) == cp->known)
        return "couple: all subflows rest";
    return NULL;
}
