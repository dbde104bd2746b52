/* SPDX-License-Identifier: MIT */
/* Constants of the connection, with units and reasons. Those of the wire are in frame.h. */
#pragma once
#include "time.h"

/*
 * Credit (bytes) every HELLO grants at least, so that a client with early data may send as much
 * before it has seen the reply. mptcpshim-protocol(7), "Credit".
 */
#define MPS_INITIAL_CREDIT_MIN 65536u

/* Defaults of struct mps_config; bytes. Upper bounds: what is used follows the paths. */
#define MPS_DEFAULT_SND_BUF      (32u << 20)
#define MPS_DEFAULT_RCV_BUF      (1024u << 10)
#define MPS_DEFAULT_RCV_BUF_MAX  (32u << 20)
#define MPS_DEFAULT_SUBFLOWS     8u
#define MPS_DEFAULT_ADDRS        8u
#define MPS_DEFAULT_HELLO        (3 * MPS_SEC)
#define MPS_DEFAULT_JOIN         (10 * MPS_SEC)
#define MPS_DEFAULT_NO_SUBFLOW   (60 * MPS_SEC)
#define MPS_DEFAULT_KEEPALIVE    (15 * MPS_SEC)
#define MPS_DEFAULT_CLOSE        (60 * MPS_SEC) /* FIN_WAIT_2 of Linux TCP */

#define MPS_ADDRS_MAX  64u  /* upper bound of max_addrs: arrays on the stack */
#define MPS_LOCALS_MAX 255u /* local addresses at a time */

/* Address ids are 8 bits, 0 is the first subflow's. This one is of all addresses for which no other
 * is left: it is not announced, nor withdrawn. mptcpshim-protocol(7), "JOINS". */
#define MPS_ADDR_ID_SPARE 255u

/* Joins whose peer is not authenticated yet, at a time: what a flood of JOINs can occupy. */
#define MPS_HALF_OPEN_MAX 8u

/* ---- the answer to HELLO (answer.h) ---- */

#define MPS_ANSWER_LOOK_MIN (20 * MPS_MSEC) /* between two looks at TCP, at least, or half a round */
#define MPS_ANSWER_LOOK_MAX (500 * MPS_MSEC) /* trip; and at most */
#define MPS_ANSWER_REPEATS  2u              /* of TCP in vain: by its fast repair, and its timer */
#define MPS_ANSWER_SLACK    (100 * MPS_MSEC) /* and two round trips, for the acknowledgment of these */
#define MPS_ANSWER_SILENT   (300 * MPS_MSEC) /* and two round trips: TCP delays a lone one up to 200 ms */
#define MPS_ANSWER_EATEN_WAIT (750 * MPS_MSEC) /* TCP's timer (200 ms at least) runs out twice */

/* ---- acknowledgments ---- */

#define MPS_ACK_DELAY      (10 * MPS_MSEC) /* a delayed DATA_ACK; TCP delays up to 40 ms */
#define MPS_ACK_BYTES_MIN  32768u          /* received bytes that make an acknowledgment due: an */
#define MPS_ACK_BYTES_MAX  262144u         /* eighth of the window within these bounds */

/* ---- credit ---- */

#define MPS_CREDIT_CLOSED  4096u            /* less credit than this left counts as closed */
#define MPS_DRS_EPOCH_MIN  (1 * MPS_MSEC)   /* shortest epoch of window growth */
#define MPS_DRS_RTT        (20 * MPS_MSEC)  /* assumed while no round-trip time is known */

/* ---- send buffer ---- */

/* It starts with and never falls below this many bytes: Linux's TCP starts with as much. */
#define MPS_SND_BUF_MIN (128u << 10)
/* Room for what so late a DATA_ACK leaves in it, up to so many bytes. */
#define MPS_SND_BUF_LATE     (20 * MPS_MSEC)
#define MPS_SND_BUF_LATE_MAX (4u << 20)
/* No path counts for more: far from overflow. */
#define MPS_SND_BUF_FLIGHT_MAX (1u << 30)
/* A program that wants few bytes unsent leaves at least two small frames for a path with room. */
#define MPS_UNSENT_MIN MPS_FRAME_MIN
/* A program that waited for room in it has filled it again after so long. */
#define MPS_SND_BUF_REFILL (20 * MPS_MSEC)
/* While the agent's memory is scarce. */
#define MPS_SND_BUF_SCARCE (256u << 10)

/* ---- frames and room ---- */

#define MPS_LACK_RETRY (10 * MPS_MSEC)  /* a payload that finds no memory tries again */
#define MPS_LACK_WAIT  (500 * MPS_MSEC) /* and is let go */

#define MPS_FRAME_MIN      2800u  /* payload of a DSS on a slow path: two segments */
#define MPS_FRAME_UNKNOWN  16384u /* while the rate is unknown */
#define MPS_FRAME_TIME     (2 * MPS_MSEC) /* of the rate goes into one frame */
#define MPS_EARLY_MAX      16384u /* so much of a frame is passed on before the rest is there */
#define MPS_ROOM_TIME      (5 * MPS_MSEC) /* of the rate may wait unsent in a socket */
#define MPS_PACING_MAX     3u /* times the rate: BBR starts with 2.9 */
#define MPS_ROOM_MIN       16384u
#define MPS_ROOM_UNKNOWN   65536u
#define MPS_ROOM_LATELY    (50 * MPS_MSEC) /* and what was delivered in so long, is the most */
#define MPS_ROOM_MAX       (4u << 20)

/* ---- checksums of payloads ---- */

/* Boxes that change bytes are nearer than this in no data centre's rack (microseconds). */
#define MPS_CHECKS_RTT_US 1000u
/* So many damages at one point of the stream are no chance. */
#define MPS_CHECKS_TRIES 3u
#define MPS_CHECKS_PATIENCE (10 * MPS_SEC) /* of a server, after the second one */
#define MPS_CHECKS_FAREWELL (2 * MPS_SEC) /* for the last words of a subflow */

/* ---- padding ---- */

/* Behind HELLO_REPLY: at most what a path of this rate (bytes per second) carries in half a round
 * trip, at least so much that it opens the congestion window, at most this. */
#define MPS_PADDING_RATE 1250000u
#define MPS_PADDING_MIN  4096u
#define MPS_PADDING_MAX  32768u

/* ---- boxes that split TCP ---- */

#define MPS_SPLIT_MIN       65536u        /* so many bytes may always be on their way */
#define MPS_SPLIT_SPAN      (1 * MPS_SEC) /* over this, or so many round trips, */
#define MPS_SPLIT_SPAN_RTTS 10u           /* the highest rate is looked for */
#define MPS_SPLIT_LOST      (1 * MPS_SEC) /* and round trips: a PING that finds no answer */
#define MPS_SPLIT_RTT_AGE   (10 * MPS_SEC) /* the lowest round-trip time is to be seen again then */

/* ---- repetition and failure detection ---- */

/* No progress for srtt + max(4 rttvar, this): longer than a peer's delayed TCP acknowledgment. */
#define MPS_STALE_FLOOR    (50 * MPS_MSEC)
#define MPS_STALE_PONG     (200 * MPS_MSEC) /* the same for a PONG: the peer's agent may be busy */
#define MPS_STALE_UNKNOWN  (1 * MPS_SEC)  /* the same while srtt is unknown */
#define MPS_STALE_LOOK_MAX (1 * MPS_SEC)  /* between two looks at a stale subflow, at most */
#define MPS_STALE_SILENT   (250 * MPS_MSEC) /* stale for so long: a join looks for the path */
#define MPS_STALE_HOPELESS (1 * MPS_SEC) /* stale for so long: closed if another works */

/* Data DATA_ACKed by nobody although TCP delivered it (a proxy lost it): repeated after this. */
#define MPS_RTX_MIN  (1 * MPS_SEC)
#define MPS_RTX_MAX  (30 * MPS_SEC)

/* A share of 1/8 of what was sent may be repeated to shorten waiting, beyond a first burst. */
#define MPS_DUP_SHIFT 3
#define MPS_DUP_BURST 262144u

/* The application has paused so long: what is under way is a tail, worth a repetition. */
#define MPS_TAIL_WAIT (5 * MPS_MSEC)

/* A path that got nothing for so long while so much waits is measured anew, by a copy so small. */
#define MPS_EXPLORE         (500 * MPS_MSEC)
#define MPS_EXPLORE_WAITING 65536u
#define MPS_EXPLORE_LEN     5600u

/* The scheduler preferred to wait although there was room: ask it again after this. */
#define MPS_SCHED_WAIT (5 * MPS_MSEC)

/* A path brings data in time for one whose data arrive so much later (lead.h): less is chance. */
#define MPS_LEAD_MIN (5 * MPS_MSEC)

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
#define MPS_RETRY_KNOWN  (2 * MPS_SEC)  /* at most, for a pair that has worked */
#define MPS_RETRY_REWRITES (600 * MPS_SEC) /* where a box changes bytes, while others work */
/* While no subflow is active: a failure in a row waits so long, doubling, up to a second; when it
 * has been so for as long as a connection with something to send lives, up to this. */
#define MPS_RETRY_HURRY     (100 * MPS_MSEC)
#define MPS_RETRY_HURRY_MAX (1 * MPS_SEC)
#define MPS_RETRY_ALONE     (16 * MPS_SEC)
#define MPS_RETRY_REFUSALS  2u /* so many say that the peer's end is gone */
#define MPS_RETRY_STABLE (10 * MPS_SEC) /* a subflow that lived so long ends the back-off */
#define MPS_RETRY_PAIRS  64u            /* pairs whose back-off is remembered */

/*
 * A path that worked and went silent is looked for by one join after the other: TCP itself would
 * repeat a SYN, or what is in flight, once a second at best. Each waits so long for an answer, or
 * an eighth of the silence so far, or three of the path's round trips.
 */
#define MPS_PROBE_MIN   (250 * MPS_MSEC)
#define MPS_PROBE_SHIFT 3
#define MPS_PROBE_LIVED (1 * MPS_SEC) /* only if it had worked for so long */

/* Without any working subflow: another pair is tried beside a join that has no answer so long. */
#define MPS_JOIN_PATIENCE (1 * MPS_SEC)
#define MPS_JOIN_IN_NEED  (3 * MPS_SEC) /* instead of it, where the limit of subflows forbids */

/*
 * Bytes, of either direction, that end the wait of struct mps_config's join_delay: fewer than TCP's
 * first flight, so that a transfer which takes longer than that loses no time.
 */
#define MPS_JOIN_BYTES 8192u

/* The server's addresses come right behind its answer, in the next segment: so long, at most. */
#define MPS_JOIN_ANNOUNCED (20 * MPS_MSEC)

/* ---- end ---- */

/* Subflows ended, one of them in order, within so long: a client that lives comes back within: */
#define MPS_GONE_TOGETHER (1 * MPS_SEC)
#define MPS_GONE_WAIT     (5 * MPS_SEC)

/* How long FASTCLOSE may take to reach the peer before the subflows are reset; */
#define MPS_FASTCLOSE_WAIT (2 * MPS_SEC)
#define MPS_FASTCLOSE_MAX  (20 * MPS_SEC) /* the same while TCP is still trying */

/* What FIN_WAIT_2 becomes when the host of the connection stops: long enough for those who answer. */
#define MPS_LEAVE_WAIT (1 * MPS_SEC)
