/* SPDX-License-Identifier: MIT */
/*
 * Reliable, ordered control frames over unordered subflows. Each one has a control sequence number
 * (CSN), from 0 on; CTRL_ACK is the first CSN not received yet. A frame is sent on one subflow, and
 * again on another when that one is lost.
 *
 * At most MPS_CTRLQ_WINDOW frames are under way: the sender holds the others back, the receiver
 * refuses what is beyond. CSNs never wrap: after 2^32 - 1 frames the queue is exhausted for good
 * (MPS_ELIMIT), which no honest connection reaches.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/wire/frame.h"
#include "core/base/list.h"
#include "core/base/mem.h"

#define MPS_CTRLQ_WINDOW   32
#define MPS_CTRLQ_TX_LIMIT 256 /* frames held by the sender, waiting ones included */

/* ---- sending ---- */

#define MPS_CTRLQ_NO_SLOT 0xff

struct mps_ctrlq_entry {
    struct mps_list node;
    uint32_t csn;
    uint8_t slot; /* subflow that carries it, MPS_CTRLQ_NO_SLOT: waits to be sent */
    uint8_t len;
    uint8_t bytes[MPS_CTRL_MAX_LEN];
};

struct mps_ctrlq_tx {
    const struct mps_mem *mem;
    struct mps_list entries; /* by CSN, without gap */
    uint32_t n;
    uint32_t next_csn, acked, sent_end; /* sent_end: behind the highest CSN ever sent */
};

void mps_ctrlq_tx_init(struct mps_ctrlq_tx *q, const struct mps_mem *mem);
void mps_ctrlq_tx_deinit(struct mps_ctrlq_tx *q);

/* The CSN that the next frame pushed must have been encoded with. */
uint32_t mps_ctrlq_tx_next_csn(const struct mps_ctrlq_tx *q);

/*
 * Queue an encoded frame (copied). 0; MPS_ELIMIT: too many are held, or the CSNs are used up;
 * MPS_EINVAL: len is 0 or above MPS_CTRL_MAX_LEN; MPS_ENOMEM.
 */
int mps_ctrlq_tx_push(struct mps_ctrlq_tx *q, const uint8_t *bytes, size_t len);

/*
 * Frame of the lowest CSN that waits to be sent and is within the window, NULL if none. Copy its
 * bytes: an entry is freed by its acknowledgment, which may overtake a repetition of it.
 */
struct mps_ctrlq_entry *mps_ctrlq_tx_next(const struct mps_ctrlq_tx *q);

/* The entry goes out on `slot` (0..31). */
void mps_ctrlq_tx_sent(struct mps_ctrlq_tx *q, struct mps_ctrlq_entry *entry, unsigned slot);

/* `slot` is gone or stale: what it carried waits to be sent again. */
void mps_ctrlq_tx_slot_lost(struct mps_ctrlq_tx *q, unsigned slot);

/* CTRL_ACK arrived: 0 (old ones too), MPS_EPROTO if it covers what was never sent. */
int mps_ctrlq_tx_ack(struct mps_ctrlq_tx *q, uint32_t ctrl_ack);

/* ---- receiving ---- */

struct mps_ctrlq_held {
    struct mps_list node;
    struct mps_ctrl ctrl;
};

struct mps_ctrlq_rx {
    const struct mps_mem *mem;
    struct mps_list held;        /* by CSN: those ready, then those behind a hole */
    uint32_t delivered;          /* next CSN to hand out */
    uint32_t expected;           /* first CSN not received */
    struct mps_ctrlq_held spare; /* for what may be handed out at once, when there is no memory */
};

void mps_ctrlq_rx_init(struct mps_ctrlq_rx *q, const struct mps_mem *mem);
void mps_ctrlq_rx_deinit(struct mps_ctrlq_rx *q);

/*
 * A control frame with ctrl->csn arrived (copied); a frame that is known already is ignored. Hand
 * out what is ready afterwards: the window starts at the first frame that was not handed out. 0;
 * MPS_EPROTO: beyond the window, a breach by the peer; MPS_ENOMEM (never for the next one expected,
 * if those before it are handed out).
 */
int mps_ctrlq_rx_accept(struct mps_ctrlq_rx *q, const struct mps_ctrl *ctrl);

/* The next frame in CSN order, each exactly once; false if none is ready. */
bool mps_ctrlq_rx_next_ready(struct mps_ctrlq_rx *q, struct mps_ctrl *ret);

/* What CTRL_ACK says. */
uint32_t mps_ctrlq_rx_expected(const struct mps_ctrlq_rx *q);

/* NULL, or what is broken: every function above keeps both whole. They walk it all. */
const char *mps_ctrlq_tx_check(const struct mps_ctrlq_tx *q);
const char *mps_ctrlq_rx_check(const struct mps_ctrlq_rx *q);
