/* SPDX-License-Identifier: MIT */
/*
 * A multipath connection, sans I/O: bytes of the application on one side, subflows (subflow.h) on
 * the other, time as an argument.
 *
 * After every verb the transport (1) drains mps_conn_next_event, (2) moves what
 * mps_subflow_tx_spans and mps_conn_app_rx_spans offer, (3) re-reads mps_conn_deadline. No verb
 * calls back. One thread at a time.
 *
 * Invariants (with their numbers in ARCHITECTURE.md): I2 no deadlock: subflows are always read, but
 * for a while when memory is missing (MPS_LACK_WAIT), and only data needs credit. I3 memory is
 * bounded by the credit granted and the limits below. I4 nothing is freed before its DATA_ACK.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/addr.h"
#include "core/fair/couple.h"
#include "core/base/crypto.h"
#include "deadpeer.h"
#include "event_list.h"
#include "info_list.h"
#include "core/wire/frame.h"
#include "core/base/mem.h"
#include "core/base/meter.h"
#include "core/wire/opening.h"
#include "core/paths/past.h"
#include "core/receive/rxmem.h"
#include "core/base/span.h"
#include "core/subflow/subflow.h"
#include "core/base/time.h"

struct mps_conn;
struct mps_psk;       /* core/wire/auth.h */
struct mps_sched_ops; /* sched.h */
struct mps_pm_ops;    /* pm.h */
struct mps_trace;     /* trace.h */

enum mps_role {
    MPS_ROLE_CLIENT, /* made the TCP connection of the first subflow */
    MPS_ROLE_SERVER,
};

struct mps_env {
    const struct mps_mem *mem;
    const struct mps_crypto *crypto;
    /* Zeroed at first, and for all connections of a thread. NULL: each one allocates its own. */
    struct mps_rxmem *rxmem;
    const struct mps_trace *trace; /* core/trace/trace.h; NULL: nobody takes records */
};

struct mps_config {
    const struct mps_sched_ops *sched; /* NULL: the default */
    const struct mps_pm_ops *pm;       /* NULL: the default */
    enum mps_fairness fairness;
    uint32_t capabilities; /* MPS_CAP_* we ask for */
    bool mac_far;          /* payloads carry MACs on paths whose RTT is above MPS_FAR_RTT_US */
    /* Client: the one that HELLO names; server: the one that it named. NULL: none. Borrowed. */
    const struct mps_psk *psk;
    uint64_t snd_buf_max;               /* most bytes of application data held until DATA_ACK */
    uint64_t rcv_buf_init, rcv_buf_max; /* credit window: at first, and grown up to */
    unsigned max_subflows; /* <= MPS_MAX_SUBFLOWS; joins that are not confirmed come on top */
    unsigned max_addrs;    /* remote addresses remembered */
    bool zero_rtt;         /* client: data right behind HELLO (proven peer) */
    bool near;             /* the first subflow's round trip is as short as within a rack */
    bool announced_only;   /* client: no joins to the address of the first subflow, at its port */
    mps_time_t hello_timeout; /* client: for HELLO_REPLY */
    mps_time_t join_timeout;  /* connect and opening of a join */
    /*
     * Client: a connection opens joins when it is so old, and two round trips at least, or as soon
     * as it carries MPS_JOIN_BYTES: one that ends before needs no second path. 0: at once.
     */
    mps_time_t join_delay;
    mps_time_t no_subflow_timeout; /* break before make: life without any subflow */
    mps_time_t keepalive;          /* silence of a subflow before it is asked, 0: never */
    mps_time_t close_timeout;      /* after both DATA_FINs or an application's close */
    /* Our token is token_rem modulo token_mod, so that it tells who has the connection; 0: any. */
    uint32_t token_mod, token_rem;
};

/* Fill in the defaults. */
void mps_config_init(struct mps_config *cfg);

/*
 * New connections. The caller checks mps_conn_token against its other connections and, on a
 * collision, frees the new one and makes another. 0, MPS_ENOMEM, MPS_ECRYPTO, MPS_ETOKEN (no key
 * has such a token: does not happen by chance).
 * A server is made from the HELLO that arrived, as it was parsed. MPS_EAUTH: it names a pre-shared
 * key, and that is not the one of the configuration: answer with REFUSE.
 */
int mps_conn_new_client(struct mps_conn **ret, const struct mps_env *env,
                        const struct mps_config *cfg, mps_time_t now);
int mps_conn_new_server(struct mps_conn **ret, const struct mps_env *env,
                        const struct mps_config *cfg, const struct mps_opening *hello,
                        mps_time_t now);

/* Releases all memory; subflows not yet released by the transport become invalid. NULL is fine. */
struct mps_conn *mps_conn_free(struct mps_conn *conn);

uint32_t mps_conn_token(const struct mps_conn *conn); /* ours: what a peer's JOIN names */

/* ---- subflows ---- */

/*
 * The connection's first subflow, already connected. Client: HELLO is ready to be sent. Server:
 * HELLO has been read by the caller (mps_opening_parse); HELLO_REPLY is ready to be sent; bytes
 * after HELLO are fed in through mps_subflow_rx_spans. Address ids of the first pair are 0.
 * MPS_EPROTO: HELLO has a key share that is none; answer with REFUSE.
 */
int mps_conn_first_subflow(struct mps_conn *conn, const struct mps_addr *local,
                           const struct mps_addr *remote, mps_time_t now, struct mps_subflow **ret);

/*
 * A peer's JOIN has been read from a fresh connection and names this connection. 0: JOIN_REPLY is
 * ready to be sent. Negative (MPS_ELIMIT, MPS_ESTATE, MPS_ENOMEM, ...): answer with REFUSE and
 * close; the connection is unharmed.
 */
int mps_conn_join_accept(struct mps_conn *conn, const struct mps_opening *join,
                         const struct mps_addr *local, const struct mps_addr *remote,
                         mps_time_t now, struct mps_subflow **ret);

/* ---- path manager input ---- */

/*
 * A local address that may be used (its port: of our listener that takes joins at that address, 0
 * if none). `ifindex` distinguishes interfaces, 0 if unknown. Adding it again updates it, and does
 * nothing if nothing is new; at most 256 at a time (MPS_ELIMIT). `announce`: tell the peer by
 * ADD_ADDR, as long as there are identifiers: each is used once, 254 in all. `backup` is passed on
 * to the address's subflows, also to the first one and those of the peer's joins, when they carry
 * data; the peer is told by MP_PRIO.
 */
int mps_conn_local_add(struct mps_conn *conn, const struct mps_addr *addr, uint32_t ifindex,
                       bool backup, bool announce, mps_time_t now);

/* The address is gone: its subflows are left at once, the peer is told by REMOVE_ADDR. */
int mps_conn_local_remove(struct mps_conn *conn, const struct mps_addr *addr, mps_time_t now);

/*
 * The host has lost the address of the first subflow. Client, before HELLO is answered: nothing can
 * come back to that address, so the connection goes plain over another one (MPS_EV_PLAIN,
 * ADDRESS_GONE), or is reset if data went with HELLO. Otherwise nothing happens: call
 * mps_conn_local_remove, which does what is to be done.
 */
void mps_conn_first_address_gone(struct mps_conn *conn, mps_time_t now);

/* Destinations whose first `prefix_len` bits are those of `dst`: all of the family with 0. */
struct mps_route {
    struct mps_addr dst;
    uint8_t prefix_len;
    uint32_t ifindex; /* it leads over this interface; 0: over any */
    bool gone;
};

/*
 * A route came or went: pairs of addresses that a new one leads to are tried again at once,
 * subflows that used the old one are asked whether they still work.
 */
void mps_conn_route_changed(struct mps_conn *conn, const struct mps_route *route, mps_time_t now);

/*
 * The share of the address's subflows in what we send, 1 to MPS_WEIGHT_MAX, at first
 * MPS_WEIGHT_DEFAULT; what it means is the scheduler's (sched.h). The peer is not told. 0,
 * MPS_EADDR: no such address, MPS_EINVAL.
 */
int mps_conn_local_set_weight(struct mps_conn *conn, const struct mps_addr *addr, unsigned weight,
                              mps_time_t now);

/*
 * Another scheduler from now on, without memory of what was sent so far. 0, or MPS_ENOMEM: the old
 * one goes on.
 */
int mps_conn_set_scheduler(struct mps_conn *conn, const struct mps_sched_ops *sched,
                           mps_time_t now);

/* Backup flag of one subflow, told to the peer by MP_PRIO. */
int mps_conn_set_backup(struct mps_conn *conn, struct mps_subflow *sf, bool backup, mps_time_t now);

/* ---- application to peer ---- */

/*
 * A place for the next application bytes; *ret is empty while the send buffer is full (it holds
 * what the paths carry in about a round trip, within snd_buf_max), before the
 * HELLO exchange is done (unless zero_rtt), after FIN and after the end. Then report what was put
 * there. 0, MPS_ENOMEM.
 */
int mps_conn_app_tx_space(struct mps_conn *conn, struct mps_span *ret);
void mps_conn_app_tx_done(struct mps_conn *conn, size_t n, mps_time_t now);

/*
 * Limits that the application sets: of the bytes held until their DATA_ACK, and of those that TCP
 * has not sent yet (about, since frames are not cut for it). 0: none but what the paths need.
 */
void mps_conn_limit_send_buffer(struct mps_conn *conn, uint64_t bytes, uint64_t unsent,
                                mps_time_t now);

/* When the application wants to learn that the peer is gone: MPS_EV_RESET with reason TIMEOUT. */
void mps_conn_set_timeouts(struct mps_conn *conn, const struct mps_timeouts *timeouts,
                           mps_time_t now);

/* What we would acknowledge now, the next number of the peer's stream; DATA_FIN counts as one. */
uint64_t mps_conn_rcv_nxt(const struct mps_conn *conn);

/* Bytes taken from the application and not DATA_ACKed. */
uint64_t mps_conn_unacked(const struct mps_conn *conn);
/* How many of these TCP has not sent, as last measured. */
uint64_t mps_conn_unsent_in_all(const struct mps_conn *conn);

/*
 * The last byte that was reported is urgent: the peer's application is told when it gets there. A
 * later one takes its place. To be called right after mps_conn_app_tx_done.
 */
void mps_conn_app_tx_urgent(struct mps_conn *conn);

/* The application will send no more (shutdown or close): DATA_FIN follows its last byte. */
void mps_conn_app_fin(struct mps_conn *conn, mps_time_t now);

/*
 * The application reads no more (closed): bytes that arrive from now on, or wait already, make an
 * abort, as TCP resets then. Implies mps_conn_app_fin.
 */
void mps_conn_app_close(struct mps_conn *conn, mps_time_t now);

/*
 * This host stops carrying connections: once the application has closed and all that it wrote has
 * arrived, the peer has MPS_LEAVE_WAIT to end its own stream; then it is told by MP_FASTCLOSE that
 * nobody reads any more.
 */
void mps_conn_leave(struct mps_conn *conn, mps_time_t now);

/* Abort: MP_FASTCLOSE to the peer (SO_LINGER 0, close with unread data). */
void mps_conn_abort(struct mps_conn *conn, mps_time_t now);

/*
 * After MPS_EV_PLAIN: the application bytes taken so far, in order, none of which reached the peer
 * application. Returns the number of spans; a later call with `skip` continues behind that many
 * bytes.
 */
unsigned mps_conn_plain_spans(struct mps_conn *conn, uint64_t skip, struct mps_span *spans,
                              unsigned max);

/* All payloads carry MACs from now on, whatever was agreed: a path may change them. */
void mps_conn_mac_all(struct mps_conn *conn);

/* ---- peer to application ---- */

/*
 * In-order bytes for the application, and how many of them it took; consuming opens credit. They
 * end before an urgent byte, or are that byte alone.
 */
unsigned mps_conn_app_rx_spans(struct mps_conn *conn, struct mps_span *spans, unsigned max);
/* Is the byte that mps_conn_app_rx_spans gives the urgent one? */
bool mps_conn_app_rx_urgent(const struct mps_conn *conn);
void mps_conn_app_rx_done(struct mps_conn *conn, size_t n, mps_time_t now);

/*
 * There is a way around the core for payloads now, or none (mps_subflow_rx_bypass): while there is,
 * subflows that bring many large ones are read so that these can take it.
 */
void mps_conn_set_bypass(struct mps_conn *conn, bool there);

/*
 * The peer's DATA_FIN is reached and everything before it was consumed. Not before FINISHED, where
 * data came with HELLO: an end that looks orderly is one (I5).
 */
bool mps_conn_app_rx_eof(const struct mps_conn *conn);

/* ---- time and scheduling ---- */

/* When mps_conn_expire must be called next, MPS_NEVER if not. */
mps_time_t mps_conn_deadline(const struct mps_conn *conn);
void mps_conn_expire(struct mps_conn *conn, mps_time_t now);

/* Hand waiting data, acknowledgments and control frames to subflows that have room. */
void mps_conn_push(struct mps_conn *conn, mps_time_t now);

/* ---- events ---- */

/* Their meaning is in the rows of event_list.h. */
#define MPS_EVENT_TYPE(type, name, about) MPS_EV_##type,
enum mps_event_type { MPS_EVENTS(MPS_EVENT_TYPE) };

struct mps_event {
    enum mps_event_type type;
    struct mps_subflow *subflow;
    uint32_t subflow_id;
    struct mps_addr local, remote;
    uint32_t ifindex;
    bool backup, reset, own;
    bool was_up; /* SUBFLOW_CLOSE: SUBFLOW_UP came before */
    enum mps_reason reason;
};

/* Positive result: there was an event. 0: none. Derived from state, so none is ever lost. */
int mps_conn_next_event(struct mps_conn *conn, struct mps_event *ret);

/* ---- looking in ---- */

/* The members that come from the rows of info_list.h. */
#define MPS_INFO(kind, name, value, library) MPS_INFO_##kind(name)
#define MPS_INFO_COUNTER(name)               uint64_t name;
#define MPS_INFO_U64(name)                   uint64_t name;
#define MPS_INFO_BOOL(name)                  bool name;
#define MPS_INFO_METRIC(name)                /* in `metrics` */
#define MPS_INFO_METER(name)                 struct mps_meter name;
#define MPS_INFO_SUM(name)                   /* whoever looks adds them up */

struct mps_subflow_info {
    uint32_t id;
    enum mps_subflow_state state;
    struct mps_addr local, remote;
    struct mps_metrics metrics;
    MPS_SUBFLOW_FIELDS(MPS_INFO)
};

struct mps_conn_info {
    enum mps_role role;
    uint32_t token, peer_token;
    const char *state; /* "opening", "established", "closing", "closed", "plain" */
    const char *sched;
    unsigned n_subflows; /* not dead */
    mps_time_t heard_at; /* the latest sign of the peer */
    mps_time_t reset_at; /* while no subflow works: when it is given up; MPS_NEVER: not so */
    MPS_CONN_FIELDS(MPS_INFO)
};

void mps_conn_info(const struct mps_conn *conn, struct mps_conn_info *ret);

/* What subflows that have ended carried; NULL: none has. */
const struct mps_past *mps_conn_past(const struct mps_conn *conn);

/* Fills up to `max`, returns the number of subflows that are not dead. */
unsigned mps_conn_subflow_info(const struct mps_conn *conn, struct mps_subflow_info *ret,
                               unsigned max);

/*
 * NULL, or what is broken inside: between two verbs everything is whole, whatever the peer and the
 * application do. Walks all that is held. For tests, and for builds with -Dinvariants=true, where
 * every verb ends with it.
 */
const char *mps_conn_check(const struct mps_conn *conn);
