/* SPDX-License-Identifier: MIT */
/*
 * The receiving half of a subflow: bytes become opening messages, heads of frames and payloads. A
 * payload lands where reassembly keeps it; what was read beyond it lands in a small scratch area
 * and is copied. What was found is acted upon elsewhere (core/receive/read.h), before more is fed.
 */
#pragma once
#include "state.h"

/* What the bytes that were fed have completed. */
enum {
    MPS_FOUND_NOTHING,
    MPS_FOUND_MESSAGE, /* an opening message */
    MPS_FOUND_FRAME,   /* the head of a frame, which is all of it if no payload follows */
    MPS_FOUND_PAYLOAD, /* all of it, in rx.chunk; its MAC is right if it has one */
};

struct mps_found {
    union {
        struct mps_opening message;
        struct mps_frame frame;
    };
    size_t head_len; /* of the frame */
};

/* It collects an opening message. 0, MPS_ENOMEM. */
int mps_sf_rx_init(struct mps_subflow *sf);

/* From now on there are frames. */
void mps_sf_rx_begin(struct mps_subflow *sf);

/* What it has received and not passed on is dropped, and nothing more comes. */
void mps_sf_rx_clear(struct mps_subflow *sf);

/*
 * Feed it up to `len` bytes, of which *ret_used are taken: up to the end of what was found. Returns
 * MPS_FOUND_* or a negative code.
 */
int mps_sf_rx_feed(struct mps_subflow *sf, const uint8_t *p, size_t len, size_t *ret_used,
                   struct mps_found *found, mps_time_t now);

/* The same for bytes that were read to the place of the payload already. */
int mps_sf_rx_landed(struct mps_subflow *sf, size_t n, size_t *ret_used, mps_time_t now);

/* The same for bytes that went around (core/receive/bypass.h). */
int mps_sf_rx_bypassed(struct mps_subflow *sf, uint32_t n, mps_time_t now);

/* The head that is in the buffer. */
int mps_sf_rx_head(struct mps_subflow *sf, struct mps_found *found);

/* The next bytes are the payload of the frame that was found. */
void mps_sf_rx_expect_payload(struct mps_sf_rx *rx);

/* They are a frame. */
void mps_sf_rx_await_head(struct mps_sf_rx *rx);

/* No memory for what the head announces: it stays where it is, and is taken again later. */
void mps_sf_rx_starve(struct mps_sf_rx *rx, size_t head_len, mps_time_t now);
