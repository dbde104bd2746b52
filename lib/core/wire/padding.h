/* SPDX-License-Identifier: MIT */
/*
 * Padding behind HELLO_REPLY and JOIN_REPLY. A client that does not know the server yet holds its
 * request back for the round trip that HELLO takes, and data waits for JOIN_CONFIRM as long; TCP
 * opens the congestion window only for bytes that were sent, so the data would start as if that
 * round trip had not been. The padding makes use of it. mptcpshim-protocol(7), "The server" and
 * "JOINS".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "frame.h"
#include "seal.h"
#include "core/base/span.h"
#include "core/subflow/subflow.h"

/* At most what a path of this rate (bytes per second) carries in a round trip, which is when data
 * follows; at least so much that it opens the congestion window; at most this. */
#define MPS_PADDING_RATE 1250000u
#define MPS_PADDING_MIN  4096u
#define MPS_PADDING_MAX  32768u

struct mps_padding {
    uint8_t head[MPS_PADDING_HEAD_LEN];
    uint32_t len; /* of the whole frame, 0: none */
    uint32_t off; /* the socket took so much; once > 0 it must be finished */
};

/* A frame that suits a path like this, or none. */
void mps_padding_make(struct mps_padding *pad, const struct mps_metrics *m);

/* It is to be the frame of this number, if it is not begun. 0, MPS_ECRYPTO. */
int mps_padding_seal(struct mps_padding *pad, const struct mps_crypto *crypto,
                     const struct mps_seal *seal, uint64_t number);

/* The rest of the padding, as far as `max` spans suffice; returns how many. */
unsigned mps_padding_spans(const struct mps_padding *pad, struct mps_span *spans, unsigned max);

/* The socket took up to n bytes of it; returns how many. */
size_t mps_padding_taken(struct mps_padding *pad, size_t n);

static inline bool mps_padding_is_begun(const struct mps_padding *pad)
{
    return pad->off > 0;
}

static inline bool mps_padding_is_there(const struct mps_padding *pad)
{
    return pad->len > 0;
}
