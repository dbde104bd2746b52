/* SPDX-License-Identifier: MIT */
/*
 * The connection's composition. Each part owns its invariants; the functions below are the seams
 * between the files of the connection.
 */
#pragma once
#include "core/receive/ack.h"
#include "answer.h"
#include "conn.h"
#include "core/base/bucket.h"
#include "core/base/constants.h"
#include "core/wire/auth.h"
#include "early.h"
#include "core/fair/couple.h"
#include "ctrlq.h"
#include "core/base/err.h"
#include "core/receive/flow.h"
#include "core/base/list.h"
#include "core/paths/pm.h"
#include "core/receive/reasm.h"
#include "core/send/copies.h"
#include "core/send/rtxq.h"
#include "core/sched/sched.h"
#include "core/send/sendq.h"
#include "core/subflow/state.h"
#include "core/trace/trace.h"

/* Order matters: comparisons with < and >= are used. */
enum mps_phase {
    MPS_PH_OPENING,  /* client: HELLO_REPLY is awaited */
    MPS_PH_OPEN,     /* data both ways */
    MPS_PH_CLOSING,  /* both DATA_FINs are acknowledged, subflows end */
    MPS_PH_ABORTING, /* FASTCLOSE is on its way to the peer */
    MPS_PH_PLAIN,    /* client: no shim at the other end */
    MPS_PH_OVER,     /* subflows are reported closed, then the connection */
};

/* Keys and what follows from them. */
struct mps_keys {
    uint8_t own[MPS_KEY_LEN], peer[MPS_KEY_LEN];
    uint32_t token, peer_token;
    struct mps_secrets secrets; /* once HELLO and its answer are there */
};

/* Application to peer. */
struct mps_conn_tx {
    struct mps_sendq sendq;
    struct mps_rtxq rtxq;
    struct mps_ctrlq_tx ctrlq;
    void *sched_state;
    struct mps_couple *couple; /* NULL: not needed so far */
    bool starved;     /* since the coupling ran, a subflow had room and there was nothing to send */
    bool fin;         /* the application's stream ends at the tail of sendq */
    bool early_taken; /* early data went into the pipe before the peer answered, */
    bool vouched;     /* and the peer knows that they are ours */
    uint64_t acked;   /* DATA_ACK of the peer, DATA_FIN included */
    uint64_t urgent_end;                /* behind the byte that was urgent last; 0: none was */
    mps_time_t rtx_at;                  /* repetition or probe, MPS_NEVER: nothing outstanding */
    unsigned rtx_tries;                 /* without progress */
    mps_time_t sched_at;                /* ask the scheduler again */
    mps_time_t written_at;              /* the application's last write */
    mps_time_t full_at;                 /* the send buffer was full */
    mps_time_t waits_since;             /* much has waited, MPS_NEVER: does not (reinject.h) */
    uint64_t asked_bytes, asked_unsent; /* limits of the application's, 0: none */
    uint64_t unsent_max;                /* from the latter; 0: none */
    uint64_t opportunism;               /* bytes sent again to shorten waiting */
    uint64_t repaired;                  /* bytes sent again in place of TCP's own repair */
    struct mps_copies copies;           /* of new runs on a second path */
};

/* Peer to application. */
struct mps_conn_rx {
    struct mps_reasm reasm;
    struct mps_ctrlq_rx ctrlq;
    struct mps_ack ack;
    bool fin_known, closed; /* closed: the application reads no more */
    bool confirmed;         /* a frame, or a join, of the peer: it knows of the connection */
    bool bypass;            /* the transport has a way around the core */
    bool framed;            /* a frame of whatever kind came */
    uint64_t fin_dsn;
    uint64_t highest;    /* end of the payloads announced so far: no FIN can be below */
    uint64_t urgent_end; /* behind the urgent byte; 0: none */
    uint64_t promised;   /* as told last (core/receive/promise.h) */
    mps_time_t data_at;  /* a payload came, 0: never */
};

struct mps_local {
    struct mps_addr addr;
    uint32_t ifindex;
    uint32_t key;     /* ours, never used again, from 1 */
    mps_addr_id_t id; /* on the wire, never used again but for MPS_ADDR_ID_SPARE */
    uint8_t way;      /* number of its interface on the wire, 0: none yet */
    unsigned weight;
    bool backup, announce, announced, known; /* known: added by mps_conn_local_add */
};

struct mps_remote {
    struct mps_addr addr;
    mps_addr_id_t id;
    uint8_t way; /* 0: unknown; the same: one interface of the peer */
    bool gone;   /* withdrawn; kept until the event was delivered */
    bool ev_added, ev_removed;
    bool proved; /* a join met the peer there, or it is that of the first subflow: no claim */
};

/* An address at which no join has met the peer (core/paths/claims.h). */
struct mps_claim {
    struct mps_addr addr; /* the port does not count */
    unsigned fails;
    mps_time_t failed_at; /* the last time */
};

#define MPS_CLAIMS_MAX 16u

struct mps_retry {
    uint32_t local_key;
    mps_addr_id_t remote_id;
    uint32_t last_id; /* the subflow that failed last */
    unsigned fails;
    bool worked;  /* once: its path is there, and probably comes back */
    bool refused; /* since the connection is alone: the host is there, but no agent that knows us */
    unsigned barren; /* so many of its subflows in a row ended as soon as they worked */
    bool avoided;    /* the transport does not make its subflows: no answer can come from there */
    mps_time_t silent_at; /* it went silent then and is looked for; 0: not */
    uint32_t min_rtt_us;  /* before that; 0: unknown */
    mps_time_t until;
};

#define MPS_PATHS_FEW 2 /* of these, most connections need no more */

/* Addresses of both sides and the pairs tried. */
struct mps_paths {
    struct mps_local *locals;
    unsigned n_locals, max_locals;
    uint32_t last_key;
    unsigned last_id; /* of our addresses */
    struct mps_addr first_local;
    bool first_gone;            /* the address with id 0 was withdrawn: that id is used up */
    struct mps_remote *remotes; /* `few_remotes`, or places for MPS_ADDRS_MAX */
    struct mps_remote few_remotes[MPS_PATHS_FEW];
    unsigned n_remotes;
    uint64_t withdrawn[4];    /* bit i % 64 of word i / 64: the peer has withdrawn the address i */
    struct mps_claim *claims; /* MPS_CLAIMS_MAX places; NULL: none has failed */
    unsigned n_claims;
    struct mps_bucket claims_bucket;
    struct mps_retry *retries; /* `few_retries`, or places for MPS_RETRY_PAIRS */
    struct mps_retry few_retries[MPS_PATHS_FEW];
    unsigned n_retries;
    uint32_t next_id;          /* of our next join */
    uint64_t peer_ids;         /* bit i: id of the peer's joins peer_base - i was used */
    uint32_t peer_base;        /* highest id the peer used, in steps of two */
    mps_time_t alone_since;    /* no subflow is active, 0: one is */
    unsigned refusals;         /* since then, of pairs that had worked, */
    unsigned strange_refusals; /* and of others */
    bool due;                  /* something changed: ask the path manager */
    mps_time_t retry_at;
};

/* What boxes, or others, have done to our bytes (core/receive/damage.h). */
struct mps_damage {
    bool several;          /* a subflow over other addresses than the first one's has worked */
    unsigned times;        /* damages in a row without any byte that got through */
    uint32_t last_id;      /* the newest subflow that was damaged */
    uint64_t rx_at, tx_at; /* how far the streams were */
    bool ev, forged;       /* forged: frames that were not the peer's, and no damage */
    struct mps_addr local, remote; /* of the path in the event */
};

/* A subflow came up while there was none (mps_phase_up). */
struct mps_respite {
    mps_time_t deadline; /* the connection would have ended then; 0: it was never without */
    mps_time_t at;
    uint64_t progress; /* mps_conn_progress, by then */
};

struct mps_conn_events {
    bool established, unanswered, plain, reset, closed;
    enum mps_reason reason;
};

/* What was last recorded of it (core/trace). */
struct mps_traced {
    bool opened, experiment;
    enum mps_phase phase;
    unsigned waits; /* enum mps_waits */
};

struct mps_conn_counts {
    MPS_CONN_FIELDS(MPS_COUNTER)
};

struct mps_conn {
    struct mps_env env;
    struct mps_rxmem *rxmem; /* that of env or our own */
    struct mps_config cfg;
    enum mps_role role;
    enum mps_phase phase;
    struct mps_keys keys;
    struct mps_early early;
    struct mps_handshake *handshake; /* until FINISHED; conn/handshake.h */
    struct mps_flow flow;
    struct mps_conn_counts count;
    struct mps_conn_tx tx;
    struct mps_conn_rx rx;
    struct mps_paths paths;
    bool all_macs; /* of payloads: a host asked for them, or a path was seen to change bytes */
    struct mps_damage damage;
    struct mps_conn_events ev;
    struct mps_list subflows;
    struct mps_past *past;    /* of those that have ended; NULL: none, or no memory */
    uint32_t slots;           /* in use */
    struct mps_deadpeer peer; /* what the application wants to know of it */
    bool had_first;
    bool client_gone;         /* server: the subflows ended as when the client's agent dies */
    mps_time_t fin_at;        /* server: the client's TCP ended one in order then, 0: never */
    bool peer_held;           /* server: the client holds its data back until our answer is there */
    mps_time_t now;           /* of the latest verb */
    mps_time_t lack_at;       /* a subflow waits for memory: again then; MPS_NEVER: none does */
    mps_time_t hello_at;      /* client: HELLO_REPLY is late then */
    struct mps_answer answer; /* client: signs that it will never come */
    mps_time_t no_subflow_at;
    struct mps_respite respite;
    mps_time_t close_at;
    mps_time_t abort_end; /* FASTCLOSE is not waited for any longer */
    uint64_t close_acked; /* tx.acked when close_at was set */
    bool leaving;         /* mps_conn_leave */
    struct mps_traced traced;
};

#define mps_for_each_subflow(sf, conn)                                                             \
    mps_list_for_each(sf, &(conn)->subflows, struct mps_subflow, node)
