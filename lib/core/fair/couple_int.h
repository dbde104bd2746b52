/* SPDX-License-Identifier: MIT */
/*
 * Inside fairness (couple.h): couple.c chooses the experiments, couple_verdict.c obeys the outcome.
 */
#pragma once
#include "couple.h"

/*
 * Figures at constants are medians in the simulator, with and without what the constant belongs to:
 * tests/bench/ablate.py, rows in tests/sim/measure_fair.c.
 */

/* Points of an experiment that another one felt. */
#define MPS_COUPLE_GAINED 6

/* Before the first experiment. */
#define MPS_COUPLE_START (800 * MPS_MSEC)

/*
 * Experiments may take such a part of the connection's time. What they took is waited for before
 * the next one (two-of-three, ratio to the rival: 2.75, without 2.63; 3 is fair), and twice as much
 * after one that found nothing (apart-rival: 2.86, without 2.73).
 */
#define MPS_COUPLE_COST 100

/*
 * A pause that is longer must have been saved up before, and any pause of a subflow whose queue
 * differs from all others' (weakened, part of the sum: 0.87, without both 0.86; apart-very-far:
 * 0.68, without both 0.67, in one seed of four 0.65 and 0.54; apart-outages: 0.75, without the
 * latter 0.74). Where the bottleneck is shared after all that costs time (shared-far: found after
 * 42 s, without 5 s).
 */
#define MPS_COUPLE_CHEAP (400 * MPS_MSEC)

/* After finding nothing, at least; doubles. */
#define MPS_COUPLE_WAIT_MIN (10 * MPS_SEC)

/*
 * Until those that share are examined again; doubles. After the longest rest the subflow carries
 * again, whatever a probe would say: it may be the better one (spoiled, in one seed of
 * two, part of the rate: 0.72, without 0.35; the other one never came to rest so long).
 */
#define MPS_COUPLE_REST_MIN (4 * MPS_SEC)
#define MPS_COUPLE_REST_MAX (80 * MPS_SEC)

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
