/* SPDX-License-Identifier: MIT */
/*
 * Shared bottleneck detection by experiment. One subflow gets nothing new for some round trips; a
 * subflow that delivers more meanwhile, and less again afterwards, shares a bottleneck with it. So
 * does one whose round trips get shorter: the bytes of the other one are missing in its queue. Both
 * are needed. BBR takes the rate that is free only when it probes next, but its queue shrinks at
 * once; where many flows keep a queue full, it stays full. Of the round trips in a window the
 * shortest counts: that is the queue which always stands, where BBR makes one now and then by
 * itself.
 *
 * A probe is the same upside down, for a subflow that rests: it sends in the middle only.
 *
 * Correlating what is observed passively (RFC 8382: skewness, variability and oscillation of the
 * delay, loss) cannot tell one queue from two equal ones that are full, or oscillate in step. The
 * experiment can, and takes a second where RFC 8382 takes half a minute. What is to be seen without
 * it is evidence beside it: alike.h.
 *
 * It makes sense only while every subflow always has data to send: the caller says when not.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/time.h"
#include "slots.h"

/* Order matters: those of a running experiment are between IDLE and DONE. */
enum mps_sbd_phase {
    MPS_SBD_IDLE,
    MPS_SBD_BEFORE,  /* all send; measured */
    MPS_SBD_FADING,  /* one pauses, what it had sent before is still under way */
    MPS_SBD_PAUSED,  /* measured */
    MPS_SBD_RESUMED, /* all send; that has not taken effect yet */
    MPS_SBD_AFTER,   /* measured */
    MPS_SBD_DONE,
};

/* Of a subflow in the windows before, in the middle, and after. */
struct mps_sbd_count {
    uint64_t base;     /* bytes delivered at the beginning of the current phase */
    uint64_t bytes[3]; /* delivered */
    uint32_t rtt[3];   /* microseconds, the shortest; 0: none was known */
};

struct mps_sbd {
    enum mps_sbd_phase phase;
    unsigned paused; /* slot of the subflow that pauses, or that sends only in a probe */
    bool probe;
    uint32_t watched;    /* bit i: the subflow in slot i takes part */
    mps_time_t effect;   /* until a change has taken effect */
    mps_time_t window;   /* of a measurement, at least */
    mps_time_t began_at; /* the current phase */
    mps_time_t at;       /* its end, MPS_NEVER: no experiment */
    mps_time_t took[3];  /* length of the windows */
    struct mps_sbd_count count[MPS_FAIR_SLOTS];
};

/* What is known of one subflow at a moment. */
struct mps_sbd_sample {
    unsigned slot;
    uint64_t delivered; /* bytes since the start of the subflow */
    uint32_t srtt_us;
};

void mps_sbd_init(struct mps_sbd *sbd);

/* Slot `pause` will pause, or send if it is a probe; all samples are of subflows that take part.
 * `rtt`: the longest. */
void mps_sbd_start(struct mps_sbd *sbd, unsigned pause, bool probe, mps_time_t rtt,
                   const struct mps_sbd_sample *samples, unsigned n, mps_time_t now);
void mps_sbd_cancel(struct mps_sbd *sbd);

/* To be called often, and at sbd->at, with fresh samples of the same subflows. */
void mps_sbd_step(struct mps_sbd *sbd, const struct mps_sbd_sample *samples, unsigned n,
                  mps_time_t now);

static inline bool mps_sbd_running(const struct mps_sbd *sbd)
{
    return sbd->phase > MPS_SBD_IDLE && sbd->phase < MPS_SBD_DONE;
}

/* How long the current experiment keeps a subflow from sending. */
static inline mps_time_t mps_sbd_pause(const struct mps_sbd *sbd)
{
    return sbd->effect + sbd->window;
}

/* Whether the slot takes part and must not get data now. */
static inline bool mps_sbd_pauses(const struct mps_sbd *sbd, unsigned slot)
{
    bool middle = sbd->phase == MPS_SBD_FADING || sbd->phase == MPS_SBD_PAUSED;

    return mps_sbd_running(sbd) && sbd->paused == slot && middle != sbd->probe;
}

/*
 * MPS_SBD_DONE: how much the slot felt whether the other one sent, in percent: of the rate that the
 * other one gave up, or of the round trip, whichever is more. 0 if it is too little to tell from
 * chance.
 */
unsigned mps_sbd_gain(const struct mps_sbd *sbd, unsigned slot);

/* MPS_SBD_DONE: no subflow felt anything, not even a little. */
bool mps_sbd_flat(const struct mps_sbd *sbd);

/* MPS_SBD_DONE: the shortest round trip of the slot in the middle, us; 0: unknown. */
static inline uint32_t mps_sbd_rtt(const struct mps_sbd *sbd, unsigned slot)
{
    return sbd->count[slot].rtt[1];
}
