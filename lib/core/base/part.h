/* SPDX-License-Identifier: MIT */
/*
 * Ingredients of fairness and of repetition that tests/bench/ablate.py takes out one by one, to see
 * what each is worth. Only a build with -Dablate=true can do that; in every other one mps_part is
 * true, and what is written behind it always happens.
 */
#pragma once

/* clang-format off */
#define MPS_PARTS(X)                                                                    \
    /* fair/: */                                                                        \
    X(ALIKE, alike)       /* queues are compared */                                     \
    X(BYRATE, byrate)     /* a rise of the rate says that a bottleneck is shared */     \
    X(BYRTT, byrtt)       /* a shorter round trip says so */                            \
    X(FULL, full)         /* a full queue may be others' */                             \
    X(PAYMENT, payment)   /* a long pause is saved up before */                         \
    X(DIFFERS, differs)   /* where no queue is like it, any pause is */                 \
    X(THRIFT, thrift)     /* what an experiment took is waited for after it */          \
    X(WAITCOST, waitcost) /* and twice as much, where it found nothing */               \
    X(LONGAGO, longago)   /* after the longest rest a subflow carries again */          \
    /* Repetition: */                                                                   \
    X(STALE, stale)       /* of what a silent path holds */                             \
    X(CREDIT, credit)     /* of what blocks the window */                               \
    X(TAIL, tail)         /* of the last bytes */                                       \
    X(REPAIR, repair)     /* of what a path with losses holds */                        \
    X(LATE, late)         /* of what has not come long after its time */                \
    X(EXPLORE, explore)   /* to measure a path that is passed over */                   \
    X(LEAD, lead)         /* none, by data set aside for faster paths */
/* clang-format on */

enum mps_part {
#define X(upper, lower) MPS_PART_##upper,
    MPS_PARTS(X)
#undef X
};

#ifdef MPS_ABLATE
extern unsigned mps_parts_out;
#define mps_part(name) (!(mps_parts_out & 1u << MPS_PART_##name))
#else
#define mps_part(name) 1
#endif
