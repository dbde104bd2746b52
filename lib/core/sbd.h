/* SPDX-License-Identifier: MIT */
/*
 * Shared bottleneck detection by experiment. One subflow gets nothing new for some round trips; a
 * subflow that delivers more meanwhile, and less again afterwards, shares a bottleneck with it.
 *
 * Correlating what is observed passively (RFC 8382: skewness, variability and oscillation of the
 * delay, loss) needs queues that vary: measured with several BBR flows, they are full all the time.
 * It also cannot tell one queue from two equal ones that oscillate in step. The experiment can,
 * and takes a second where RFC 8382 takes half a minute.
 *
 * It makes sense only while every subflow always has data to send: the caller says when not.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "subflow.h"
#include "time.h"

/* Order matters: those of a running experiment are between IDLE and DONE. */
enum mps_sbd_phase {
    MPS_SBD_IDLE,
    MPS_SBD_BEFORE,  /* all send; measured */
    MPS_SBD_FADING,  /* one pauses, what it had sent before is still under way */
    MPS_SBD_PAUSED,  /* measured */
    MPS_SBD_RESUMED, /* all send, not settled yet */
    MPS_SBD_AFTER,   /* measured */
    MPS_SBD_DONE,
};

/* Delivered in the three windows that are measured. */
struct mps_sbd_count {
    uint64_t mark; /* at the beginning of the current phase */
    uint64_t before, paused, after; /* bytes */
};

struct mps_sbd {
    enum mps_sbd_phase phase;
    unsigned paused;     /* slot of the subflow that pauses */
    uint32_t watched;    /* bit i: the subflow in slot i takes part */
    mps_time_t settle;   /* until a change has taken effect */
    mps_time_t window;   /* of a measurement, at least */
    mps_time_t began_at; /* the current phase */
    mps_time_t at;       /* its end, MPS_NEVER: no experiment */
    mps_time_t took[3];  /* length of the windows */
    struct mps_sbd_count count[MPS_MAX_SUBFLOWS];
};

/* What is known of one subflow at a moment. */
struct mps_sbd_sample {
    unsigned slot;
    uint64_t delivered; /* bytes since the start of the subflow */
};

void mps_sbd_init(struct mps_sbd *sbd);

/* Slot `pause` will pause; all samples are of subflows that take part. `rtt`: the longest. */
void mps_sbd_start(struct mps_sbd *sbd, unsigned pause, mps_time_t rtt,
                   const struct mps_sbd_sample *samples, unsigned n, mps_time_t now);
void mps_sbd_cancel(struct mps_sbd *sbd);

/* To be called at sbd->at with fresh samples of the same subflows. */
void mps_sbd_step(struct mps_sbd *sbd, const struct mps_sbd_sample *samples, unsigned n,
                  mps_time_t now);

static inline bool mps_sbd_running(const struct mps_sbd *sbd)
{
    return sbd->phase > MPS_SBD_IDLE && sbd->phase < MPS_SBD_DONE;
}

/* How long the current experiment keeps a subflow from sending. */
static inline mps_time_t mps_sbd_pause(const struct mps_sbd *sbd)
{
    return sbd->settle + sbd->window;
}

/* Whether the slot must not get data now. */
static inline bool mps_sbd_pauses(const struct mps_sbd *sbd, unsigned slot)
{
    return (sbd->phase == MPS_SBD_FADING || sbd->phase == MPS_SBD_PAUSED) && sbd->paused == slot;
}

/*
 * MPS_SBD_DONE: what part of the rate that the paused subflow gave up the other one took, in
 * percent; 0 if it is too little to tell from chance.
 */
unsigned mps_sbd_gain(const struct mps_sbd *sbd, unsigned slot);

/* MPS_SBD_DONE: no subflow delivered more during the pause than otherwise, not even a little. */
bool mps_sbd_flat(const struct mps_sbd *sbd);
