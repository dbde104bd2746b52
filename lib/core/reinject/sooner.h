/* SPDX-License-Identifier: MIT */
/*
 * Whether a repetition shortens waiting, by plain values: what is known of the subflows, and of the
 * run that somebody waits for. Who acts on it: reinject.c.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/time.h"

#define MPS_SOONER_SLOTS 32

/* A path that got nothing for so long is measured anew (very-far, part of the sum: 0.67, without
 * 0.58; reinject.c has where the figures come from). */
#define MPS_SOONER_EXPLORE (500 * MPS_MSEC)

/* An active subflow. */
struct mps_sooner_path {
    unsigned slot;                /* below MPS_SOONER_SLOTS */
    bool in_turn;                 /* gets new data: it works, is no backup and does not rest */
    bool losing;                  /* TCP knows of losses that it has not repaired */
    bool empty;                   /* nothing of it waits or is on its way */
    uint64_t rate;                /* bytes per second, 0: unknown */
    uint64_t backlog;             /* bytes given to it that TCP has not sent yet */
    uint64_t room;                /* bytes that it takes now */
    uint64_t in_flight;           /* bytes that TCP has sent, and knows no acknowledgment of */
    uint32_t srtt_us, min_rtt_us; /* 0: unknown */
    uint32_t rttvar_us;
    mps_time_t passed_at; /* it was given no run since then, while data waited */
};

struct mps_sooner_paths {
    struct mps_sooner_path path[MPS_SOONER_SLOTS];
    unsigned n;
    mps_time_t now;
};

/* Bytes of the stream that were sent and not DATA_ACKed. */
struct mps_sooner_run {
    uint32_t carriers; /* bit i: the subflow in slot i carries it */
    uint32_t len;
    mps_time_t last_sent;
    mps_time_t expected; /* from then to its acknowledgment, as foreseen; 0: unknown */
};

/* No subflow. */
#define MPS_SOONER_NONE (-1)

/* The subflow that would deliver a copy first, of those that take one now: an index, or NONE. */
int mps_sooner_idle(const struct mps_sooner_paths *paths, const struct mps_sooner_run *run);

/* A copy on paths->path[i] would arrive well before what the run's carriers have under way. */
bool mps_sooner_arrives(const struct mps_sooner_paths *paths, unsigned i,
                        const struct mps_sooner_run *run);

enum mps_sooner_repair {
    MPS_SOONER_LEAVE,  /* it has other carriers, or one without losses */
    MPS_SOONER_REPEAT, /* another path brings it sooner than its carrier's TCP repairs it */
    MPS_SOONER_STOP,   /* no path does, or it is too early: nor for any that was sent later */
};

/* For a run that was sent once. */
enum mps_sooner_repair mps_sooner_repairs(const struct mps_sooner_paths *paths,
                                          const struct mps_sooner_run *run);

/*
 * For a run that was sent once: its path takes far longer than was foreseen, and another one brings
 * it in a part of that time. A path whose queue is long by itself is not late.
 */
bool mps_sooner_is_late(const struct mps_sooner_paths *paths, const struct mps_sooner_run *run);

/*
 * A subflow that was passed over for so long that its measurements say nothing: an index, or NONE.
 */
int mps_sooner_unexplored(const struct mps_sooner_paths *paths);

/* Of `sent` bytes of the stream `repeated` were sent again so: `len` more are allowed. */
bool mps_sooner_affords(uint64_t sent, uint64_t repeated, uint32_t len);

/* The same for repairs, which take the place of new data. */
bool mps_sooner_affords_repair(uint64_t sent, uint64_t repaired, uint32_t len);
