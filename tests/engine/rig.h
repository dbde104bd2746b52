/* SPDX-License-Identifier: MIT */
/*
 * Two agents' engines on one loop in one process, over loopback: a listening "server" side and a
 * connecting "client" side, with the descriptors their applications would hold.
 */
#pragma once
#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/agent/hub.h"
#include "handover/message.h"
#include "engine/connection/handed.h"
#include "engine/connection/session.h"

struct rig {
    struct ev_loop *loop;
    struct mps_hub client_hub, server_hub;
    struct mps_engine *client, *server; /* their engines */
    int listener;                       /* non-blocking, 127.0.0.1 */
    uint16_t port;
};

/* `options` as in MPTCPSHIM_OPTIONS, for both engines. Asserts on failure. */
void rig_init(struct rig *rig, const char *options);
void rig_deinit(struct rig *rig);

/* A listening socket on addr:port (0: any), with SO_REUSEPORT if `share`. */
int rig_listen(const char *addr, uint16_t port, bool share);
uint16_t rig_port(int fd);

/* A TCP connection to 127.0.0.1:port, its SYN with MSS `mss` if not 0. Blocking. */
int rig_dial(const char *addr, uint16_t port, int mark);

/* Both TCP ends through the listener. */
void rig_tcp_pair(struct rig *rig, int *ret_client, int *ret_server);

/* A stream whose one end, with a byte unread, goes into the request; returns the application's. */
int rig_end(struct mps_handed *req);

/* Hand a TCP socket over; returns the application's end (non-blocking). */
int rig_connected(struct rig *rig, int tcp, const char *options, uint64_t *ret_id);
int rig_accepted(struct rig *rig, int tcp, uint64_t *ret_id);

/* A request as a client of the agent makes it, of a hub without threads; `fd` is taken. */
struct rig_reply {
    struct mps_ho_reply reply;
    int reply_fd; /* the caller's, -1 if none came */
};
struct rig_reply rig_request(struct mps_hub *hub, const struct mps_ho_request *req, int fd);

/* A connection through both engines. */
void rig_connect(struct rig *rig, int *ret_client, int *ret_server);

/* Run the loop until cond(arg), at most `seconds`. */
bool rig_until(struct rig *rig, bool (*cond)(void *arg), void *arg, double seconds);

/* Conditions: of a rig, and of two streams, each step of which moves them. */
bool rig_no_sessions(void *rig);
bool rig_both(void *streams);

/* `length` bytes both ways over a new connection, each checked, and its end: nothing is left. */
void rig_transfer(struct rig *rig, uint64_t length);

/* Run the loop for a while, where nothing is to happen. */
void rig_run(struct rig *rig, double seconds);

/* Poll bits of a descriptor, now. */
short rig_poll(int fd, short events);
