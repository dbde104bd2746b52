/* SPDX-License-Identifier: MIT */
/*
 * A token bucket, in one number: `burst` events at once, and another one each `interval` after
 * that. Zero is a full bucket.
 */
#pragma once
#include "time.h"

struct mps_bucket {
    mps_time_t full_at; /* when it is full again */
};

struct mps_bucket_rate {
    unsigned burst;
    mps_time_t interval;
};

/* When there is a token: not later than `now` if there is one. */
static inline mps_time_t mps_bucket_next(const struct mps_bucket *b, struct mps_bucket_rate rate)
{
    mps_time_t span = (rate.burst - 1) * rate.interval;

    return b->full_at > span ? b->full_at - span : 0;
}

/* Take one, whether it is there or not. */
static inline void mps_bucket_take(struct mps_bucket *b, struct mps_bucket_rate rate,
                                   mps_time_t now)
{
    b->full_at = (b->full_at > now ? b->full_at : now) + rate.interval;
}

/* One that was taken is given back. */
static inline void mps_bucket_return(struct mps_bucket *b, struct mps_bucket_rate rate)
{
    b->full_at = b->full_at > rate.interval ? b->full_at - rate.interval : 0;
}
