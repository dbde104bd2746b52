/* SPDX-License-Identifier: MIT */
/*
 * News of a subflow, and what they mean to the connection: it carries data, it hangs, it works
 * again, it has ended.
 */
#pragma once
#include "state.h"

/* It carries data from now on. */
void mps_news_up(struct mps_subflow *sf, mps_time_t now);

/* It hangs now, or does not hang any more. */
void mps_news_stale(struct mps_subflow *sf, mps_time_t now);

/* What ended a subflow decides what follows (see the table in news.c). */
enum mps_end_cause {
    MPS_END_EOF,        /* the peer's TCP ended the pipe in order */
    MPS_END_FAILED,     /* the pipe broke, or it is of no use any more: the peer is told why */
    MPS_END_BY_PEER,    /* the peer has ended or refused it, and knows */
    MPS_END_TAKEN_AWAY, /* its addresses are not to be used: no fault of the pair, the peer knows */
    MPS_END_REPLACED,   /* the same, and the peer is told */
};

struct mps_end {
    enum mps_end_cause cause;
    enum mps_reason reason;
    bool transient; /* the pair of addresses may be tried again soon */
};

/* The end of a subflow. Nothing happens if it is dead already. */
void mps_news_ended(struct mps_subflow *sf, const struct mps_end *end, mps_time_t now);

/* The subflow is left because it does not work well; its pair may be tried again soon. */
void mps_news_failed(struct mps_subflow *sf, enum mps_reason reason, mps_time_t now);

/* mps_subflow_down. */
void mps_news_pipe_ended(struct mps_subflow *sf, bool orderly, enum mps_reason reason,
                         mps_time_t now);

/*
 * The bytes that come on the only subflow are damaged, but those that are sent arrive: it carries
 * the news of its own end, which would otherwise have to wait for another subflow. False: there are
 * others.
 */
bool mps_news_last_words(struct mps_subflow *sf, enum mps_reason reason, mps_time_t now);
