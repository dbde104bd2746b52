/* SPDX-License-Identifier: MIT */
/*
 * The agent's control sockets: a connection brings one request of handover/message.h and gets one
 * reply. By SOCK_SEQPACKET it has served its purpose then; by SOCK_STREAM it brings a TCP
 * connection, and carries the data of that from there on. A request counts if it comes from the
 * agent's own user or root; or if it brings the secret, and is one that programs make (a worker of
 * another user does not manage the agent). A client that does not take its reply is dropped;
 * nothing here ever waits for one, nor for an engine.
 *
 * A client that says nothing is dropped after MPS_CONTROL_SILENCE, or before that if there are more
 * of its process or user than the bounds below: then the one of them that came first goes. So a
 * process can keep its own user's requests out at most, and those of nobody else. Of a client of
 * another user nothing but the secret is read before that is right, and no descriptor is taken.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include "engine/net/acceptor.h"
#include "core/base/list.h"
#include "handover/message.h"
#include "visitors.h"

#define MPS_CONTROL_CLIENTS 256
#define MPS_CONTROL_SILENCE 2. /* seconds; a program sends its request at once */

/* Silent clients, at most. */
#define MPS_CONTROL_SILENT_PROCESS 8
#define MPS_CONTROL_SILENT_USER    32
#define MPS_CONTROL_SILENT         128

struct mps_hub;

struct mps_control {
    struct mps_hub *hub;
    struct mps_acceptor acceptor, ends;
    uint8_t secret[MPS_HO_SECRET_LEN];
    uid_t uid;
    uid_t (*first)(void *user, const struct ucred *cred); /* NULL: not awaited */
    void *first_user;
    struct mps_visitors visitors;
    struct mps_list clients; /* in the order in which they came */
    int late_fd;             /* epoll: those who bring a connection and have yet to ask */
    ev_io late;
    unsigned n_clients;
    unsigned long n_given; /* connections that clients have brought since the agent began */
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

/*
 * Take nobody any more. Who was not accepted yet, and whose request was not read, hears the end of
 * the socket and asks another agent (handover/exchange.h).
 */
void mps_control_shut(struct mps_control *ctl);

/* After mps_hub_stop: no request is on its way any more. */
void mps_control_deinit(struct mps_control *ctl);
