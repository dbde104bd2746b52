/* SPDX-License-Identifier: MIT */
/*
 * Does HELLO get its answer? A box that looks at the first bytes of a connection may eat the
 * segments that begin with the magic, for ever, and let through what follows. Each side sends
 * something behind its first message in a segment of its own, so TCP itself tells which message is
 * eaten: if it is HELLO, what follows it is acknowledged behind a hole; if it is the answer, what
 * follows it arrives behind a hole. Neither side need wait for a timeout then.
 *
 * A loss on the way looks the same until TCP has repaired it: TCP gets the time to do that twice.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/subflow/subflow.h"
#include "core/base/time.h"

enum mps_answer_verdict {
    MPS_ANSWER_AWAITED,
    MPS_ANSWER_ASK,     /* the peer is to be sent something now: does its TCP acknowledge it? */
    MPS_ANSWER_UNHEARD, /* HELLO does not arrive, so nothing behind it was or will be looked at */
    MPS_ANSWER_EATEN,   /* the peer has answered; what it got it may have acted upon */
};

struct mps_question {
    bool asked;
    uint64_t delivered; /* before that */
};

struct mps_answer {
    mps_time_t since;   /* HELLO was ready to be sent, 0: none was */
    mps_time_t look_at; /* fresh metrics are wanted then, MPS_NEVER: not */
    bool measured;
    uint64_t acked;             /* by TCP before HELLO */
    uint32_t repeats_before;    /* TCP's, before HELLO, */
    uint32_t repeats;           /* at the latest look, */
    mps_time_t repeated_at;     /* and when they were first seen to be that many */
    mps_time_t first_beyond_at; /* bytes of the peer wait behind a hole since then, */
    mps_time_t beyond_at;       /* and since then the path has not been silent, 0: none do */
    struct mps_question heard, answered;
};

void mps_answer_init(struct mps_answer *a);

/* HELLO is ready to be sent. */
void mps_answer_await(struct mps_answer *a, mps_time_t now);

/* It has come, or nobody waits any longer. */
void mps_answer_end(struct mps_answer *a);

/* New metrics. */
enum mps_answer_verdict mps_answer_update(struct mps_answer *a, const struct mps_metrics *m,
                                          mps_time_t now);

/* The time look_at has passed, with or without news. */
void mps_answer_looked(struct mps_answer *a, mps_time_t now);

/* TCP has sent something again since HELLO. */
bool mps_answer_hello_repeated(const struct mps_answer *a, const struct mps_metrics *m);

/* TCP says that HELLO has arrived, at the peer or at a box that splits TCP. */
bool mps_answer_hello_arrived(const struct mps_answer *a, const struct mps_metrics *m);
