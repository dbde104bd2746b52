/* SPDX-License-Identifier: MIT */
/*
 * A subflow inside the core. Its parts: `tx` what goes out (tx.h), `rx` what comes in (rx.h),
 * `join` the opening exchange (core/conn/opening.h), `stale` failure detection (stale.h).
 */
#pragma once
#include "core/conn/ctrlq.h"
#include "core/conn/info_list.h"
#include "core/wire/frame.h"
#include "core/base/list.h"
#include "core/base/meter.h"
#include "core/base/slot.h"
#include "core/wire/opening.h"
#include "core/wire/padding.h"
#include "core/wire/seal.h"
#include "core/receive/reasm.h"
#include "core/send/sendq.h"
#include "split.h"
#include "stale.h"
#include "subflow.h"

struct mps_conn;

#define MPS_SF_FRAMES     64   /* DSS frames that wait for the socket, at most */
#define MPS_SF_FRAMES_FEW 2    /* of these have a place in any case; both are powers of two */
#define MPS_SF_CTRL       2048 /* bytes of opening messages, acknowledgments, control frames, */
#define MPS_SF_CTRL_FEW   256  /* of which so many have a place in any case */

#define MPS_TX_UNSEALED UINT64_MAX

/* A DSS frame that waits for the socket; its payload stays in the send queue. */
struct mps_tx_frame {
    uint64_t dsn;
    uint32_t len;
    uint32_t off;    /* bytes written: head, payload, MAC. Once > 0 it must be finished. */
    uint8_t flags;   /* MPS_DSS_* */
    bool cut;        /* its length and pin are final */
    bool checked;    /* the payload's MAC follows it; known once it is cut */
    uint64_t number; /* head and MAC are made for this place on the wire; MPS_TX_UNSEALED: not */
    uint8_t head[MPS_DSS_HEAD_LEN];
    uint8_t mac[MPS_MAC_LEN];
    struct mps_sendq_pin pin;
};

/*
 * Order on the wire: the rest of a frame begun, the control bytes, padding, the frames. So control
 * bytes are only inserted between frames, and a frame is begun only when no control bytes wait.
 *
 * Numbers for the MACs (seal.h) follow that order. A control frame has its number when it is put
 * into `ctrl`, since nothing can come in before it any more; `seal.next` is that of the next one.
 * Padding and DSS frames get theirs when they are offered, and new ones if control bytes have come
 * in before them meanwhile; what was only offered has never left, so that no number is used twice.
 */
struct mps_sf_tx {
    uint8_t *ctrl; /* `ctrl_size` bytes: `few_ctrl`, or a larger place until all of it is taken */
    uint32_t ctrl_size, ctrl_off, ctrl_len;
    uint32_t greeting; /* so many of these bytes are the first message, */
    bool apart;        /* which goes in a segment of its own */
    uint64_t told; /* the DATA_ACK that the latest frame of it carries, unless that is dropped */
    bool ack_due;  /* a frame with the newest DATA_ACK and credit has to go out here */
    uint8_t ack_flags; /* MPS_DSS_ACK_NOW: the acknowledgment is a probe too */
    uint32_t ack_at;   /* where in ctrl an unsent acknowledgment begins, ctrl_len: none */
    bool pad_asked;    /* padding is welcome, if there is nothing better to send */
    struct mps_padding padding;
    struct mps_seal seal;
    struct mps_tx_frame *frames; /* ring of `size` entries: `few`, or a larger one while busy */
    uint32_t size, first, n;
    struct mps_tx_frame few[MPS_SF_FRAMES_FEW];
    uint8_t few_ctrl[MPS_SF_CTRL_FEW];
    uint64_t queued; /* payload bytes of `frames` */
    uint64_t taken;  /* bytes the socket took since its metrics were read */
};

enum mps_rx_mode {
    MPS_RX_OPENING, /* collecting an opening message */
    MPS_RX_HEAD,    /* collecting the head of a frame */
    MPS_RX_PAYLOAD, /* into `chunk`, or to nowhere without one */
    MPS_RX_MAC,     /* that of the payload */
    MPS_RX_SKIP,    /* rest of an unknown optional frame */
    MPS_RX_DEAF,    /* nothing that comes counts any more */
};

/* A system call for each head, and two for its payload, pay for payloads of this length. */
#define MPS_RX_BULK_MIN   16384u
#define MPS_RX_BULK_AFTER 8

struct mps_sf_rx {
    enum mps_rx_mode mode;
    uint8_t *opening; /* message in collection, MPS_OPENING_MAX_LEN bytes; NULL: that is over */
    uint8_t buf[MPS_FRAME_HEAD_MAX]; /* head or MAC in collection */
    uint32_t have, need;             /* bytes in one of the two */
    uint32_t left;                   /* of the payload or of what is skipped */
    struct mps_dss dss;
    struct mps_reasm_chunk *chunk; /* NULL: repeated data, not kept */
    struct mps_seal seal;
    uint64_t number; /* of the frame that `dss` is the head of */
    uint8_t bulk; /* so many large payloads without MACs came in a row, MPS_RX_BULK_AFTER at most */
    bool early;   /* server: FINISHED has not come (core/conn/handshake.h) */
    bool starved; /* a whole head is in `buf`, and there is no memory for what it announces */
    bool unchecked;        /* that is so because its MAC could not be made */
    mps_time_t starved_at; /* since then */
};

struct mps_sf_join {
    bool initiator;
    bool refused;        /* the attempt met a host that is there and no agent of this connection */
    bool claim;          /* it took a token of the peer's claims (core/paths/claims.h) */
    mps_time_t since;    /* of the attempt */
    mps_time_t deadline; /* of connecting and opening, MPS_NEVER once active */
    uint8_t own_nonce[MPS_NONCE_LEN], peer_nonce[MPS_NONCE_LEN];
    uint8_t sent[MPS_JOIN_LEN];    /* initiator: JOIN */
    uint8_t awaited[MPS_HMAC_LEN]; /* the other one: what JOIN_CONFIRM must bring */
};

/* What TCP acknowledged in all, at the two latest looks at it, which are MPS_ROOM_LATELY apart. */
struct mps_sf_lately {
    uint64_t acked, before;
    mps_time_t at;
};

/* What the transport has to be told and knows already. */
struct mps_sf_events {
    bool open, open_told;
    bool up, up_told;
    bool priority, own_priority;
    bool stale_told; /* the latest news was MPS_EV_STALE */
    bool close, close_told;
};

/* What was last recorded of it (core/trace). */
struct mps_sf_traced {
    bool added, up, ended, backup, peer_backup, stale, rests;
    int64_t leader;
    mps_time_t stale_at, rests_at;
};

struct mps_subflow_counts {
    MPS_SUBFLOW_FIELDS(MPS_COUNTER)
};

struct mps_subflow {
    struct mps_list node; /* in mps_conn.subflows */
    struct mps_conn *conn;
    void *user;
    uint32_t id;
    uint8_t slot; /* 0..31, unique among the subflows not yet released */
    enum mps_subflow_state state;
    bool peer_knows; /* the peer has seen this id: it can be told of the end */
    bool backup, peer_backup;
    unsigned weight;
    bool close_reset;
    bool eof; /* the peer's FIN ended it, wherever that came */
    enum mps_reason reason;
    struct mps_addr local, remote;
    uint32_t ifindex;
    uint32_t local_key; /* of our address (struct mps_local), 0: none */
    mps_addr_id_t local_id, remote_id;
    mps_time_t active_since;
    bool measured; /* mps_subflow_update was called */
    struct mps_metrics m;
    struct mps_sf_lately lately;
    struct mps_stale stale;
    mps_time_t withdrawn_until; /* the peer has withdrawn its address: for the answer; 0: not */
    uint32_t withdrawn_ping;    /* to this PING */
    struct mps_split *split;    /* NULL: TCP reaches to the peer */
    bool rests;                 /* gets no new data: another one carries for both (couple.h) */
    mps_time_t given_at;        /* a run was last given to it, or the beginning */
    struct mps_sf_join join;
    struct mps_sf_tx tx;
    struct mps_sf_rx rx;
    struct mps_sf_events ev;
    uint64_t bytes_sent, bytes_received;
    struct mps_subflow_counts count;
    struct mps_meter sending, receiving; /* the same bytes, as rates */
    struct mps_sf_traced traced;
};

/* Its bit in masks of slots. */
static inline uint32_t mps_sf_bit(const struct mps_subflow *sf)
{
    return mps_slot_bit(sf->slot);
}

static inline bool mps_sf_works(const struct mps_subflow *sf)
{
    return sf->state == MPS_SF_ACTIVE && !sf->stale.stale;
}

/* One of both hosts wants it only when no other one works. */
static inline bool mps_sf_is_backup(const struct mps_subflow *sf)
{
    return sf->backup || sf->peer_backup;
}

static inline bool mps_sf_regular(const struct mps_subflow *sf)
{
    return mps_sf_works(sf) && !mps_sf_is_backup(sf);
}

/* Gets new data in its turn. */
static inline bool mps_sf_in_turn(const struct mps_subflow *sf)
{
    return mps_sf_regular(sf) && !sf->rests;
}
