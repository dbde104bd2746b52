/* SPDX-License-Identifier: MIT */
/*
 * The first subflow's opening: HELLO and its answer agree on the secrets of the connection, and
 * FINISHED vouches for what the client sent before it had them. mptcpshim-protocol(7),
 * "AUTHENTICATION".
 */
#pragma once
#include "state.h"

/* What is needed between HELLO and FINISHED only. */
struct mps_handshake {
    struct mps_share *share;             /* client: ours, until HELLO is answered */
    uint8_t frames_key[MPS_MAC_KEY_LEN]; /* server: of what comes from FINISHED on */
    struct mps_hello peer;               /* server: HELLO, */
    size_t hello_len;                    /* and HELLO in either case */
    uint8_t hello[MPS_OPENING_MAX_LEN];
};

/* Server: HELLO has come. MPS_EAUTH: it names a pre-shared key that we do not have. */
int mps_handshake_take(struct mps_conn *c, const struct mps_opening *hello);

/* HELLO, or its answer, with all that only the caller knows in *msg already; keys of the frames. */
int mps_handshake_ask(struct mps_subflow *sf, struct mps_opening *msg);
int mps_handshake_answer(struct mps_subflow *sf, struct mps_opening *msg);

/*
 * Client: the answer has come; if it is right, FINISHED is the next thing that is sent. MPS_EAUTH.
 */
int mps_handshake_answered(struct mps_subflow *sf, const struct mps_opening *msg);

/* Server: FINISHED has come. MPS_EAUTH: the early bytes were not the client's. */
int mps_handshake_finished(struct mps_subflow *sf, const uint8_t hmac[MPS_HMAC_LEN]);

/* It is over, or given up. */
void mps_handshake_end(struct mps_conn *c);
