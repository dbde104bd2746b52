/* SPDX-License-Identifier: MIT */
/*
 * The other side of the connection under test, for fuzz_conn: makes messages and frames that pass
 * all checks unless told otherwise, and demands of everything the connection sends that it is
 * well-formed, within the credit, and the application's bytes.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/conn/conn.h"
#include "core/wire/auth.h"
#include "core/wire/seal.h"
#include "faultmem.h"
#include "prng.h"

#define PEER_MAX_PIPES 40
#define PEER_IN_MAX    (MPS_DSS_HEAD_LEN + MPS_DSS_MAX_PAYLOAD + MPS_MAC_LEN)

/* One subflow, seen from the peer. */
struct pipe {
    struct mps_subflow *sf; /* NULL: gone */
    bool frames;            /* opening messages of the connection's side are over */
    bool active;            /* we may send frames */
    bool unread;            /* its keys are not known to us: what comes is not looked at */
    bool bad_hmac;          /* our JOIN_CONFIRM will be wrong */
    bool early;             /* frames before FINISHED, of whoever is the client */
    struct mps_seal ours, theirs;
    uint8_t in[PEER_IN_MAX]; /* what the connection sent and is not parsed yet */
    size_t in_len;
    uint8_t join[MPS_JOIN_LEN]; /* ours */
};

struct peer {
    struct faultmem fm;
    struct prng rng;
    struct mps_crypto crypto;
    struct mps_env env;
    struct mps_config cfg;
    struct mps_conn *conn;
    struct mps_addr local, remote;
    mps_time_t now;
    bool server;  /* the connection under test is the accepting side */
    bool tainted; /* bytes of unknown content were fed in */
    bool macs;    /* the connection under test asks for MACs of payloads, as we do */
    bool greeted; /* the connection knows our key */
    uint8_t own_key[MPS_KEY_LEN];
    struct mps_share share;   /* ours */
    struct mps_opening hello; /* of the client */
    struct mps_secrets secrets;
    struct mps_hashing *early; /* what the client has sent between HELLO and FINISHED */
    uint32_t conn_token, own_token;
    uint32_t next_join_id;
    struct pipe pipes[PEER_MAX_PIPES];

    uint64_t written, read;     /* by the application under test */
    uint64_t granted;           /* credit we gave */
    uint64_t sent_end;          /* end of what the connection sent */
    uint64_t next_dsn, max_end; /* of ours: in order; furthest */
    uint64_t conn_credit;       /* most it granted us */
    uint32_t next_csn;
    uint32_t conn_next_csn; /* of the control frames that it sent */
    bool fin_asked, ended;
    size_t chunk; /* bytes fed at once */
    bool bypass;  /* payloads go to the application around the core, where they may */
};

/* A new connection that has got HELLO or is about to send it. */
void peer_init(struct peer *p, uint8_t options);

/* Frees it all; nothing may be left. */
void peer_deinit(struct peer *p);

uint8_t peer_pattern(uint64_t pos, bool from_conn);

/* Feed bytes into a subflow, in chunks. */
void peer_feed(struct peer *p, struct pipe *pipe, const uint8_t *bytes, size_t len);

/* Take up to `max` bytes of what it wants to send, and check them. */
void peer_drain(struct peer *p, struct pipe *pipe, size_t max);

/* DSS with the right payload for its DSN; flip >= 0: that byte of the frame is damaged. */
void peer_send_dss(struct peer *p, struct pipe *pipe, const struct mps_dss *dss, int flip);
void peer_send_ctrl(struct peer *p, struct pipe *pipe, const struct mps_ctrl *ctrl, int flip);

/*
 * A JOIN of ours (server under test) from an address of several: whole and right, or with a wrong
 * HMAC.
 */
void peer_join(struct peer *p, bool bad, uint8_t from);

/* Events, deadlines, push: what the transport does after every verb; checks what must hold. */
void peer_serve(struct peer *p);
