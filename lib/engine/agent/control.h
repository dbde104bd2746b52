/* SPDX-License-Identifier: MIT */
/*
 * The agent's control sockets: a connection brings one request of handover/message.h and gets one
 * reply. By SOCK_SEQPACKET it has served its purpose then; by SOCK_STREAM it brings a TCP
 * connection, and carries the data of that from there on. A request counts if it brings the secret
 * or comes from the agent's own user or root. A client that does not take its reply is dropped;
 * nothing here ever waits for one, nor for an engine.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include "engine/net/acceptor.h"
#include "core/base/list.h"
#include "handover/message.h"

#define MPS_CONTROL_CLIENTS 256

struct mps_hub;

struct mps_control {
    struct mps_hub *hub;
    struct mps_acceptor acceptor, ends;
    uint8_t secret[MPS_HO_SECRET_LEN];
    uid_t uid;
    uid_t (*first)(void *user, const struct ucred *cred); /* NULL: not awaited */
    void *first_user;
    struct mps_list clients;
    unsigned n_clients;
};

/* Positive result of mps_control_init: another agent holds the name. */
#define MPS_CONTROL_TAKEN 1

/* Bind the agent's names and listen. 0, MPS_CONTROL_TAKEN, MPS_ESYS. */
int mps_control_init(struct mps_control *ctl, struct mps_hub *hub,
                     const uint8_t secret[MPS_HO_SECRET_LEN]);

/*
 * Call `first` when the first program hands something over, before that is looked at; as whose
 * agent this one counts from then on is what it returns.
 */
void mps_control_await_program(struct mps_control *ctl,
                               uid_t (*first)(void *user, const struct ucred *cred), void *user);

/* After mps_hub_stop: no request is on its way any more. */
void mps_control_deinit(struct mps_control *ctl);
