/* SPDX-License-Identifier: MIT */
/*
 * Two connections back to back in memory: a client and a server, pipes without delay between
 * their subflows, applications that send and check a known stream, and a clock that jumps to the
 * next deadline when nothing moves.
 */
#pragma once
#include "core/conn/conn.h"
#include "core/base/err.h"
#include "crypto.h"
#include "faultmem.h"
#include "test.h"

#define PAIR_LINKS 24
#define PAIR_PIPE  (1u << 20)

enum { CLIENT = 0, SERVER = 1 };

struct pair_pipe {
    uint8_t *buf; /* PAIR_PIPE bytes */
    size_t len;
    bool eof, reset; /* the writing end closed */
};

struct pair_link {
    struct mps_subflow *sf[2];
    struct mps_addr local;         /* of the client */
    struct pair_pipe out[2];       /* [side]: written by that side */
    bool cut;                      /* a black hole: nothing moves */
    bool losing;                   /* nothing moves, but TCP is repairing a loss */
    bool refuse;                   /* the connect fails, */
    enum mps_reason refuse_reason; /* for this */
    bool connected;
    uint64_t rate;                        /* that TCP reports, 0: 50 MB/s */
    uint32_t srtt_us;                     /* the same, 0: 10 ms */
    uint32_t min_rtt_us;                  /* without queues, 0: as srtt_us */
    uint8_t opening[MPS_OPENING_MAX_LEN]; /* server: bytes before it has a subflow */
    size_t opening_len;
    uint64_t carried[2]; /* bytes delivered, by sender */
    void (*tamper)(struct pair_link *link, int from, uint8_t *p, size_t n);
};

struct pair_end {
    struct mps_conn *conn;
    uint64_t to_send, sent, received;
    uint64_t bypassed;    /* of those received, */
    unsigned bypasses;    /* by so many reports */
    uint64_t urgent_end;  /* the byte before is urgent; 0: none */
    uint64_t urgent_seen; /* behind the last one that came */
    unsigned n_urgent;
    bool fin; /* FIN behind to_send */
    bool fin_sent;
    bool stopped; /* does not read */
    bool eof;
    unsigned no_memory; /* failures of mps_conn_app_tx_space */
    bool established, plain, unanswered, reset, closed;
    enum mps_reason reason;
    unsigned n_open, n_up, n_announced, n_removed, n_priority, n_sf_close, n_stale, n_recovered;
    unsigned n_rewritten, n_forged;
};

struct pair {
    struct faultmem fm;
    struct test_crypto crypto;
    struct mps_env env;
    struct mps_config cfg[2];
    struct pair_end end[2];
    struct pair_link links[PAIR_LINKS];
    unsigned n_links;
    mps_time_t now;
    size_t chunk; /* bytes moved at a time at most, 0: all */
    bool no_metrics;
    bool patient;    /* applications wait for memory as long as it takes */
    mps_time_t lack; /* memory is back so long after the first failure, 0: as fm says */
    mps_time_t lack_end;
    bool refuse_joins; /* connects of joins fail, for this reason: */
    enum mps_reason refuse_reason;
    bool silent_joins;   /* nothing answers them */
    unsigned silent_net; /* nor those from this network */
    unsigned avoid_net;  /* those from this network are not made, */
    unsigned spared;     /* but for the first ones */
    /*
     * Payloads go around the core where they may: all that came, or if `bypass_short`, the next
     * time a part, and the time after that nothing.
     */
    bool bypass, bypass_short;
    unsigned bypass_turn;
    int join_error; /* last error of mps_conn_join_accept */
    void (*tamper)(struct pair_link *, int, uint8_t *, size_t); /* of links to come */
};

/* Defaults; change cfg before pair_start. */
void pair_init(struct pair *p);
/* The client's connection and its first subflow. 0 or the error. */
int pair_start(struct pair *p);
/* The same, and two joins of the client, from networks 1 and 2, that are up at both ends. */
void pair_start_two(struct pair *p);
void pair_free(struct pair *p);

/* Address 10.0.net.host. */
struct mps_addr pair_addr(unsigned net, unsigned host, uint16_t port);

/* Move everything that can move now; true if something did. */
bool pair_step(struct pair *p);
/* Until nothing moves, without any time passing. */
void pair_settle(struct pair *p);
/* As pair_settle, and let time pass, deadline by deadline, until `end` or nothing is left. */
void pair_run(struct pair *p, mps_time_t duration);

/* Stream of each direction: a function of position, so that misplaced bytes are seen. */
uint8_t pair_byte(int from, uint64_t pos);
/* Everything to_send arrived on both sides, both saw the end and both are closed. */
bool pair_complete(const struct pair *p);
/* cmocka fixtures: *state is a struct pair. */
int pair_setup(void **state);
int pair_teardown(void **state);
/* A local address of the client, in network `net`. */
void pair_add_local(struct pair *p, unsigned net);
/* Bytes appear in a pipe as if `from` had written them. */
void pair_inject(struct pair_link *link, int from, const void *bytes, size_t n);
/* The same with a frame without a rest, as its encoder has made it, and the MAC that `from` makes: a
 * peer that breaks the rules. Nothing else may wait to be sent. */
void pair_inject_frame(struct pair *p, struct pair_link *link, int from, const uint8_t *head,
                       size_t len);
void pair_break(struct pair *p, struct pair_link *link); /* reset at both ends */
