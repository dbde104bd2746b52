/* SPDX-License-Identifier: MIT */
/* Inside fairness (couple.h): couple.c chooses the experiments, couple_verdict.c obeys the outcome. */
#pragma once
#include "couple.h"

static inline bool mps_couple_rests(const struct mps_couple *cp, unsigned slot)
{
    return cp->slot[slot].leader != MPS_COUPLE_NONE;
}

/* ---- couple_verdict.c ---- */

/* It carries again, `suspect` with so many points. */
void mps_couple_wake(struct mps_couple_slot *s, unsigned suspect, int points, mps_time_t now);

/*
 * How the slot's queue compares with those of all others that carry: the same as one of them, or
 * different from each.
 */
enum mps_alike_verdict mps_couple_compare(const struct mps_couple *cp,
                                          const struct mps_couple_path *paths, unsigned n,
                                          unsigned slot);

/* The experiment has ended. */
void mps_couple_finish(struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                       mps_time_t now);

/* All but the best one rest, without experiment. */
void mps_couple_all(struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                    mps_time_t now);
