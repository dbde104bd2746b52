/* SPDX-License-Identifier: MIT */
/*
 * Fairness: the subflows of a connection that share a bottleneck take one share of it together.
 * Our place above TCP gives no hand in its congestion control, so RFC 6356 cannot be followed to
 * the letter; its goals are reached with what is left, the choice of who gets data: of a group
 * that shares, only the best subflow carries, and the others rest until they are examined again.
 * One TCP flow takes one share, whatever its congestion control.
 *
 * Who shares is found by experiments (bottleneck.h), whose outcomes are points for and against it:
 * a path whose rate varies by itself may look like a shared one once. A clear no is enough by
 * itself. Where the queues of two subflows are alike (alike.h) one experiment is enough; where one
 * differs from all others the first one has time. Experiments cost a path some round trips of
 * silence; where they find nothing that is a small part of what the connection carries:
 * MPS_COUPLE_COST. A subflow that rests is probed now and then, which costs the others at the
 * bottleneck as little.
 */
#pragma once
#include "alike.h"
#include "bottleneck.h"

enum mps_fairness {
    MPS_FAIR_AUTO,   /* the default */
    MPS_FAIR_OFF,    /* every subflow for itself */
    MPS_FAIR_STRICT, /* as if all shared */
};

/* A subflow that works: active, not stale, not a backup. */
struct mps_couple_path {
    unsigned slot;
    uint64_t delivered; /* bytes since its start */
    uint64_t rate;      /* bytes per second */
    uint32_t srtt_us, min_rtt_us;
};

struct mps_couple_slot {
    uint64_t counted, recent; /* bytes delivered: at the last tick, and mostly in the last second */
    unsigned leader, suspect; /* slot, MPS_COUPLE_NONE */
    int points;               /* for sharing with the suspect */
    bool differs;             /* its queue from all others', as last seen clearly */
    mps_time_t since;         /* it carries */
    mps_time_t at;            /* next experiment, or end of the rest */
    mps_time_t wait, rest;    /* the next ones */
};

/* What an experiment said. */
enum mps_couple_verdict {
    MPS_COUPLE_CANCELLED, /* nothing: it did not come to its end */
    MPS_COUPLE_FELT,      /* another one felt it; that is not yet enough */
    MPS_COUPLE_UNFELT,    /* none did; the same */
    MPS_COUPLE_COUPLED,   /* two share: one of them rests from now on */
    MPS_COUPLE_APART,     /* it stands alone */
    MPS_COUPLE_RESTS_ON,  /* of a probe: it shares as before */
    MPS_COUPLE_WOKEN,     /* of a probe: it does not, or that cannot be said */
};

/* "cancelled", "felt", ... */
const char *mps_couple_verdict_name(enum mps_couple_verdict verdict);

#define MPS_COUPLE_NONE MPS_FAIR_SLOTS

struct mps_couple {
    enum mps_fairness mode;
    struct mps_sbd sbd;
    struct mps_alike alike;
    uint32_t known;          /* bit i: slot i was there at the last run */
    mps_time_t tick_at;      /* `recent` is brought up to date */
    mps_time_t cost;         /* of the latest experiment, in time of the whole connection */
    mps_time_t thrift_until; /* what experiments have cost is a small part of the time again */
    struct mps_couple_slot slot[MPS_FAIR_SLOTS];
    enum mps_couple_verdict verdict; /* of the latest experiment */
    int verdict_points;              /* for sharing, after it */
};

void mps_couple_init(struct mps_couple *cp, enum mps_fairness mode);

/* The subflow is gone, its slot may get another one. */
void mps_couple_forget(struct mps_couple *cp, unsigned slot);

/*
 * Called often, and when mps_couple_deadline has come. `busy`: since the last call there always was
 * data that only waited for room.
 */
void mps_couple_run(struct mps_couple *cp, const struct mps_couple_path *paths, unsigned n,
                    bool busy, mps_time_t now);

/* Bit i: the subflow in slot i must not get new data. Never all of `paths`. */
uint32_t mps_couple_resting(const struct mps_couple *cp);

/* While an experiment runs; MPS_NEVER else, since only a sender with data has to act. */
static inline mps_time_t mps_couple_deadline(const struct mps_couple *cp)
{
    return cp->sbd.at;
}

/* NULL, or what is broken: every function above keeps it whole. */
const char *mps_couple_check(const struct mps_couple *cp);
