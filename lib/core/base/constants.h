/* SPDX-License-Identifier: MIT */
/* Constants of the connection, with units and reasons. Those of the wire are in frame.h. */
#pragma once
#include "time.h"

/*
 * Credit (bytes) every HELLO grants at least, so that a client with early data may send as much
 * before it has seen the reply. mptcpshim-protocol(7), "Credit".
 */
#define MPS_INITIAL_CREDIT_MIN 65536u

#define MPS_DEFAULT_HELLO (3 * MPS_SEC) /* how long a client waits for the answer to it */

#define MPS_ADDRS_MAX  64u  /* upper bound of max_addrs: arrays on the stack */
#define MPS_LOCALS_MAX 255u /* local addresses at a time */

/* Address ids are 8 bits, 0 is the first subflow's. This one is of all addresses for which no other
 * is left: it is not announced, nor withdrawn. mptcpshim-protocol(7), "JOINS". */
#define MPS_ADDR_ID_SPARE 255u

#define MPS_ACK_DELAY      (10 * MPS_MSEC) /* a delayed DATA_ACK; TCP delays up to 40 ms */

/* ---- frames and room ---- */

/* A payload that finds no memory is let go after so long. */
#define MPS_LACK_WAIT (500 * MPS_MSEC)

#define MPS_FRAME_MIN      2800u  /* payload of a DSS on a slow path: two segments */
#define MPS_ROOM_MIN       16384u

/* ---- checksums of payloads ---- */

/* Boxes that change bytes are nearer than this in no data centre's rack (microseconds). */
#define MPS_CHECKS_RTT_US 1000u

/* ---- repetition and failure detection ---- */

/* A share of 1/8 of what was sent may be repeated to shorten waiting, beyond a first burst. */
#define MPS_DUP_SHIFT 3
#define MPS_DUP_BURST 262144u

/* The application has paused so long: what is under way is a tail, worth a repetition. */
#define MPS_TAIL_WAIT (5 * MPS_MSEC)

/* A path that got nothing for so long while so much waits is measured anew, by a copy so small. */
#define MPS_EXPLORE         (500 * MPS_MSEC)
#define MPS_EXPLORE_WAITING 65536u
#define MPS_EXPLORE_LEN     5600u

/* ---- fairness ---- */

/* An experiment: a change has taken effect after a round trip and this; bytes are counted over two
 * round trips, at least so long. */
#define MPS_SBD_SETTLE     (50 * MPS_MSEC)
#define MPS_SBD_WINDOW_MIN (100 * MPS_MSEC)
#define MPS_SBD_RISE       6 /* percent more than before and after on average: less is chance */
#define MPS_SBD_ABOVE      2 /* percent more than in either of them */
#define MPS_SBD_GAIN       20 /* percent of what was given up: with four competitors a fifth */
#define MPS_SBD_DIP        10 /* percent that the round trip is longer in either of them, */
#define MPS_SBD_DENT       10 /* unless the rate was so many percent less */
#define MPS_SBD_FLAT       2  /* up to so many percent of the rate it is no change at all, */
#define MPS_SBD_DIP_FLAT   3  /* and of the round trip, */
#define MPS_SBD_CHANCE_US  1000 /* of which so many microseconds are chance, */
#define MPS_SBD_VISIBLE    15 /* unless the other one had less than so many percent of its rate, */
#define MPS_SBD_HOLE       25 /* unless the rate was so many percent less */

/* Queueing delays are compared: so often, from so many samples on, above so many ms on average. */
#define MPS_ALIKE_PERIOD   (100 * MPS_MSEC)
#define MPS_ALIKE_ENOUGH   6
#define MPS_ALIKE_QUEUE_MS 2
#define MPS_ALIKE_NEAR     12 /* percent of the longer one, up to which they are alike, */
#define MPS_ALIKE_FAR      30 /* and from which they differ */

/* Points for the outcome of an experiment; and their sum that decides. */
#define MPS_COUPLE_GAINED   6
#define MPS_COUPLE_ALIKE    4 /* more, where the queues are alike, too */
#define MPS_COUPLE_FLAT     (-4)
#define MPS_COUPLE_FLAT_FULL (-2) /* while a queue was full */
#define MPS_COUPLE_UNCLEAR  (-1)
#define MPS_COUPLE_SHARED   10
#define MPS_COUPLE_ALONE    (-4)
#define MPS_COUPLE_START    (800 * MPS_MSEC) /* before the first experiment, */
#define MPS_COUPLE_SLOW_START 12u /* and at least so many round trips of each subflow */
#define MPS_COUPLE_LOSSES   (3 * MPS_SEC) /* while a subflow is so young and repairs losses: none */
#define MPS_COUPLE_AGAIN    (100 * MPS_MSEC) /* before the next one, */
#define MPS_COUPLE_LATER    (2 * MPS_SEC)   /* or if it seems not to share */
#define MPS_COUPLE_CHECKS   3 /* probes without a clear outcome, until the subflow is woken */
#define MPS_COUPLE_TICK     (125 * MPS_MSEC)
#define MPS_COUPLE_LOOK     (500 * MPS_MSEC) /* until one that was too dear is thought of again */
#define MPS_COUPLE_COST     100 /* experiments may take such a part of the connection's time; */
#define MPS_COUPLE_COST_DOUBT 50 /* a larger one while their outcome is not clear; */
#define MPS_COUPLE_CHEAP    (400 * MPS_MSEC) /* a pause up to this need not be saved up before */
#define MPS_COUPLE_WAIT_MIN (10 * MPS_SEC) /* after finding nothing, at least; doubles */
#define MPS_COUPLE_DOUBT    (2 * MPS_SEC)  /* after an outcome that is not clear; doubles */
#define MPS_COUPLE_WAIT_MAX (80 * MPS_SEC)
#define MPS_COUPLE_REST_MIN (4 * MPS_SEC)  /* until those that share are examined again; doubles */
#define MPS_COUPLE_REST_STRICT (15 * MPS_SEC) /* the same where they share by decree */
#define MPS_COUPLE_REST_MAX (80 * MPS_SEC)

/* ---- path manager ---- */

#define MPS_RETRY_MIN    (1 * MPS_SEC)
#define MPS_RETRY_MAX    (60 * MPS_SEC)
#define MPS_RETRY_PAIRS  64u            /* pairs whose back-off is remembered */

/* Without any working subflow: another pair is tried beside a join that has no answer so long. */
#define MPS_JOIN_PATIENCE (1 * MPS_SEC)
#define MPS_JOIN_IN_NEED  (3 * MPS_SEC) /* instead of it, where the limit of subflows forbids */

/*
 * Bytes, of either direction, that end the wait of struct mps_config's join_delay: fewer than TCP's
 * first flight, so that a transfer which takes longer than that loses no time.
 */
#define MPS_JOIN_BYTES 8192u

/* ---- end ---- */

/* How long FASTCLOSE may take to reach the peer before the subflows are reset; */
#define MPS_FASTCLOSE_WAIT (2 * MPS_SEC)
#define MPS_FASTCLOSE_MAX  (20 * MPS_SEC) /* the same while TCP is still trying */

/* What FIN_WAIT_2 becomes when the host of the connection stops: long enough for those who answer. */
#define MPS_LEAVE_WAIT (1 * MPS_SEC)
