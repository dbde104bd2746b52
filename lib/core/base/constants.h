/* SPDX-License-Identifier: MIT */
/* Constants of the connection, with units and reasons. Those of the wire are in frame.h. */
#pragma once
#include "time.h"

/*
 * Credit (bytes) every HELLO grants at least, so that a client with early data may send as much
 * before it has seen the reply. mptcpshim-protocol(7), "Credit".
 */
#define MPS_INITIAL_CREDIT_MIN 65536u

/*
 * So many bytes (I3) of what the peer sends are kept in any case, in each connection, however many
 * there are: about what one path of some Mbit/s carries in a round trip.
 */
#define MPS_SURE_BYTES 32768u

#define MPS_DEFAULT_HELLO (3 * MPS_SEC) /* how long a client waits for the answer to it */

#define MPS_ADDRS_MAX  64u  /* upper bound of max_addrs: arrays on the stack */
#define MPS_LOCALS_MAX 255u /* local addresses at a time */

/* Address ids are 8 bits, 0 is the first subflow's. This one is of all addresses for which no other
 * is left: it is not announced, nor withdrawn. mptcpshim-protocol(7), "JOINS". */
#define MPS_ADDR_ID_SPARE 255u

#define MPS_ACK_DELAY (10 * MPS_MSEC) /* a delayed DATA_ACK; TCP delays up to 40 ms */

/* ---- frames and room ---- */

/* What found no memory, or could not be made for such a reason, is tried again; */
#define MPS_LACK_RETRY (10 * MPS_MSEC)
/* a payload is let go after so long. */
#define MPS_LACK_WAIT (500 * MPS_MSEC)

#define MPS_FRAME_MIN 2800u /* payload of a DSS on a slow path: two segments */
#define MPS_ROOM_MIN  16384u

/* ---- MACs of payloads ---- */

/* Boxes that change bytes are nearer than this in no data centre's rack (microseconds). */
#define MPS_FAR_RTT_US 1000u

/* ---- path manager ---- */

#define MPS_RETRY_MIN   (1 * MPS_SEC)
#define MPS_RETRY_MAX   (60 * MPS_SEC)
#define MPS_RETRY_PAIRS 64u /* pairs whose back-off is remembered */

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

/*
 * What FIN_WAIT_2 becomes when the host of the connection stops: long enough for those who answer.
 */
#define MPS_LEAVE_WAIT (1 * MPS_SEC)
