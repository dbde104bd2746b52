/* SPDX-License-Identifier: MIT */
/*
 * The control frames, one row each; mptcpshim-protocol(7), FRAMES, has them all.
 *
 *     FRAME(NAME, number, member, SPACE, flags, FIELDS)
 *
 * The type is MPS_FRAME_NAME, its values are in `member` of struct mps_ctrl (frame.h). SPACE is
 * ORDERED if it has a number in the control space (csn), OUTSIDE if that is 0, UNNUMBERED if it has
 * no such field. `flags` are the bits of the prefix's flags that a receiver looks at. FIELDS are
 * what follows the CSN, in the order of the wire, big endian:
 *
 *     FIELD(U8, member, name)     FIELD(U32, ...)     FIELD(U64, ...)
 *     FIELD(ADDR, ...)            family 1, port 2, and 4 or 16 bytes; at most one in a frame
 *     FIELD(HMAC, ...)            20 bytes
 *     FIELD(FLAGS, ...)           no bytes: the flags of the prefix
 *
 * A receiver that does not know the number of a type ends the subflow, unless the number has the
 * bit 0x80: so a new one needs a capability that says that the peer knows it.
 */
#pragma once

/* clang-format off */
#define MPS_CTRL_FRAMES(FRAME, FIELD)                                                              \
    FRAME(ADD_ADDR, 3, add_addr, ORDERED, 0xff,                                                    \
          FIELD(U8, add_addr, id)                                                                  \
          /* The sender's interface by number; 1: of address 0, 0: unknown. */                     \
          FIELD(FLAGS, add_addr, way)                                                              \
          /* Port 0: that of the first subflow. */                                                 \
          FIELD(ADDR, add_addr, addr))                                                             \
    FRAME(REMOVE_ADDR, 4, remove_addr, ORDERED, 0,                                                 \
          FIELD(U8, remove_addr, id))                                                              \
    /* MP_PRIO */                                                                                  \
    FRAME(PRIO, 5, prio, ORDERED, MPS_PRIO_BACKUP,                                                 \
          FIELD(U32, prio, subflow_id)                                                             \
          FIELD(FLAGS, prio, flags))                                                               \
    /* MP_FAIL */                                                                                  \
    FRAME(FAIL, 6, fail, ORDERED, 0,                                                               \
          FIELD(U32, fail, subflow_id)                                                             \
          /* Start of the first payload that failed. */                                            \
          FIELD(U64, fail, dsn))                                                                   \
    /* MP_FASTCLOSE */                                                                             \
    FRAME(FASTCLOSE, 7, fastclose, ORDERED, 0,                                                     \
          FIELD(U8, fastclose, reason))                                                            \
    /* MP_TCPRST: reset of a subflow, with reason. */                                              \
    FRAME(SUBFLOW_CLOSE, 8, subflow_close, ORDERED, MPS_CLOSE_TRANSIENT,                           \
          FIELD(U32, subflow_close, subflow_id)                                                    \
          FIELD(FLAGS, subflow_close, flags)                                                       \
          FIELD(U8, subflow_close, reason))                                                        \
    FRAME(PING, 9, ping, OUTSIDE, 0,                                                               \
          FIELD(U32, ping, opaque))                                                                \
    FRAME(PONG, 10, pong, OUTSIDE, 0,                                                              \
          FIELD(U32, pong, opaque))                                                                \
    /* The client vouches for what it sent between HELLO and this. */                              \
    FRAME(FINISHED, 11, finished, UNNUMBERED, 0,                                                   \
          FIELD(HMAC, finished, hmac))
/* clang-format on */
