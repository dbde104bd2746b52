/* SPDX-License-Identifier: MIT */
/*
 * One subflow as its transport (the engine, a simulator) sees it: a byte pipe that the core fills
 * and empties, and the measurements the scheduler works with.
 *
 * Subflow ids: the first subflow is 0; the connecting host of the connection numbers its joins
 * 2, 4, 6, ..., the accepting host 1, 3, 5, ...; an id is never reused within a connection.
 *
 * Life of a pointer: it comes from mps_conn_first_subflow, mps_conn_join_accept or an MPS_EV_OPEN
 * event and is valid until the transport calls mps_subflow_release, which it must do exactly once,
 * after an MPS_EV_SUBFLOW_CLOSE event or when it frees the connection.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/base/addr.h"
#include "core/wire/opening.h"
#include "core/base/span.h"
#include "core/base/time.h"

struct mps_subflow;

#define MPS_MAX_SUBFLOWS 32 /* of a connection, all states together */

enum mps_subflow_state {
    MPS_SF_CONNECTING, /* the transport is connecting */
    MPS_SF_OPENING,    /* opening messages under way */
    MPS_SF_ACTIVE,     /* carries data */
    MPS_SF_CLOSING,    /* nothing more will be scheduled; what is queued is sent, then FIN */
    MPS_SF_DEAD,       /* event MPS_EV_SUBFLOW_CLOSE is pending or delivered */
};

/* What the kernel (TCP_INFO) or a simulator knows. Zero means unknown. Refresh before pushing. */
struct mps_metrics {
    uint32_t srtt_us, rttvar_us, min_rtt_us;
    uint32_t mss;
    uint64_t cwnd;       /* bytes */
    uint64_t in_flight;  /* bytes sent and not yet acknowledged by TCP */
    uint64_t notsent;    /* bytes accepted by the socket and not yet sent */
    uint64_t rate;       /* bytes per second the path delivers when it always has data to send */
    uint64_t pacing;     /* bytes per second at which TCP sends now: above `rate` while it probes */
    uint64_t delivered;  /* bytes that arrived, those behind a hole too, since the start */
    uint64_t acked;      /* bytes acknowledged by TCP since the start, monotone */
    uint32_t ack_age_us; /* since the last TCP acknowledgment, while in_flight > 0 */
    uint32_t segments;   /* with data, sent since the start, repetitions included */
    uint32_t repeats;    /* of these: segments sent again */
    uint32_t beyond;     /* segments that came behind a hole since the start */
    bool losing;         /* TCP knows of lost packets that it has not repaired */
    uint8_t backoff;     /* RTO doublings in progress: > 0 means the path is silent or lossy */
    uint8_t tcp_options; /* of the handshake: TCPI_OPT_* of Linux */
    uint16_t mss_offered; /* what our SYN said, less what TCP's options take */
};

/*
 * Bytes per second the path can carry, 0: unknown. A congestion window alone says it while nothing
 * was delivered; later it says too much, since it covers queues and probing (2 x with BBR).
 */
static inline uint64_t mps_metrics_rate(const struct mps_metrics *m)
{
    const uint64_t cwnd_max = UINT64_MAX / 1000000u;

    if (m->rate > 0 || m->srtt_us == 0)
        return m->rate;
    return (m->cwnd < cwnd_max ? m->cwnd : cwnd_max) * 1000000u / m->srtt_us;
}

/* The transport's own object, for its use only. */
void mps_subflow_set_user(struct mps_subflow *sf, void *user);
void *mps_subflow_user(const struct mps_subflow *sf);

enum mps_subflow_state mps_subflow_state(const struct mps_subflow *sf);

/* The socket of an MPS_EV_OPEN is connected; `local`, `remote` as they turned out. */
int mps_subflow_connected(struct mps_subflow *sf, const struct mps_addr *local,
                          const struct mps_addr *remote, mps_time_t now);

/* The socket of an MPS_EV_OPEN is better not made now: the pair may be tried at `until`. */
void mps_subflow_avoid(struct mps_subflow *sf, mps_time_t until, mps_time_t now);

/*
 * A box on the way splits TCP, so that the metrics below end there: to be told before data flows.
 * It costs a PING now and then.
 */
void mps_subflow_set_split(struct mps_subflow *sf, mps_time_t now);

/*
 * The pipe ended: `orderly` for EOF, false for an error, a refused or timed-out connect. The data
 * that it held is reinjected on other subflows. An MPS_EV_SUBFLOW_CLOSE follows. `reason`:
 * UNSPECIFIED if the peer's TCP ended it, TIMEOUT if nobody answered, PROHIBITED if a connect was
 * refused, MIDDLEBOX if it was answered, but by no agent.
 */
void mps_subflow_down(struct mps_subflow *sf, bool orderly, enum mps_reason reason, mps_time_t now);

/* As last updated. */
const struct mps_metrics *mps_subflow_metrics(const struct mps_subflow *sf);

void mps_subflow_update(struct mps_subflow *sf, const struct mps_metrics *m, mps_time_t now);

/*
 * Receiving. The core names up to two places for the next bytes of the pipe; the transport fills
 * them in order and reports how many bytes came. Never refuses: a subflow is always read (I2), so
 * there is always at least one byte of room; only a subflow in MPS_SF_DEAD returns 0, and a subflow
 * that waits for memory (mps_subflow_rx_waits). The latter goes on by itself when mps_conn_deadline
 * has passed or the application has read, at the latest after MPS_LACK_WAIT, and is not watched for
 * bytes meanwhile. mps_subflow_rx_done returns 0 or a negative code: the subflow (never the
 * process, never another connection) is then down already and MPS_EV_SUBFLOW_CLOSE is pending.
 */
unsigned mps_subflow_rx_spans(struct mps_subflow *sf, struct mps_span spans[2]);
bool mps_subflow_rx_waits(const struct mps_subflow *sf);
int mps_subflow_rx_done(struct mps_subflow *sf, size_t n, mps_time_t now);

/*
 * So many of the next bytes of the pipe are payload that the application waits for, and nothing
 * else has to look at: the transport may pass them on to it unread (0: none), with *ret_held only
 * after it has taken all that mps_conn_app_rx_spans has for it. The transport reports those that
 * the application took, at most so many; what it has taken out of the pipe beyond these, it puts
 * where mps_subflow_rx_spans says and reports it as read. No other verb comes in between. Result as
 * of mps_subflow_rx_done.
 */
size_t mps_subflow_rx_bypass(const struct mps_subflow *sf, bool *ret_held);
int mps_subflow_rx_bypassed(struct mps_subflow *sf, size_t n, mps_time_t now);

/*
 * Sending. Up to `max` spans with the bytes to send next, in order; returns how many (0: nothing).
 * They stay valid until the next verb on this connection. Report what the pipe took.
 */
unsigned mps_subflow_tx_spans(struct mps_subflow *sf, struct mps_span *spans, unsigned max);
void mps_subflow_tx_done(struct mps_subflow *sf, size_t n, mps_time_t now);

/* Whether data waits that only needs room in this subflow's socket: wake mps_conn_push then. */
bool mps_subflow_wants_room(const struct mps_subflow *sf);

/*
 * Bytes the socket may hold unsent before the scheduler passes it over; the engine sets
 * TCP_NOTSENT_LOWAT to it, so that a writable event means there is room again.
 */
uint32_t mps_subflow_notsent_limit(const struct mps_subflow *sf);

/* The transport has closed the pipe and forgets the pointer. */
void mps_subflow_release(struct mps_subflow *sf);
