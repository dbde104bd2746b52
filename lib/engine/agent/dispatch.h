/* SPDX-License-Identifier: MIT */
/*
 * What each request of handover/message.h means, and who answers it: the hub, one engine (which
 * then sends the reply itself, before a byte of the connection moves), or all of them together.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "handover/message.h"

struct json_object;
struct mps_engine;
struct mps_hub;
struct mps_session;
struct mps_worker;

struct mps_dispatch {
    int fd;    /* in: passed with the request or -1; taken */
    int end;   /* in: the application's, of a connection that is handed over, or -1; -1 once a
                  session has taken it */
    pid_t pid; /* in: the client's */
    struct mps_ho_reply reply;
    int reply_fd;                /* out: passed with the reply or -1 */
    struct mps_session *session; /* made by this request: given up if the reply is not taken */
};

/* The answer is an error. */
void mps_dispatch_fail(const struct mps_ho_request *req, struct mps_dispatch *d, int err);

/* After the reply was sent, or not; in the thread that dispatched. */
void mps_dispatch_done(struct mps_dispatch *d, bool sent);

/* ---- the steps of an answer; job.h takes them ---- */

enum mps_dispatch_by { MPS_BY_HUB, MPS_BY_ENGINE, MPS_BY_ALL };

/* Hub's thread. *ret_worker for MPS_BY_ENGINE: whose engine. */
enum mps_dispatch_by mps_dispatch_by(struct mps_hub *hub, const struct mps_ho_request *req,
                                     struct mps_worker **ret_worker);

/* Hub's thread; also what nobody can answer. */
void mps_dispatch_hub(struct mps_hub *hub, const struct mps_ho_request *req,
                      struct mps_dispatch *d);

/* The engine's thread. */
void mps_dispatch_engine(struct mps_engine *eng, const struct mps_ho_request *req,
                         struct mps_dispatch *d);

/*
 * One engine's share of the answer, in its thread, NULL if there is no memory for it; then all of
 * them, which are taken, joined.
 */
struct json_object *mps_dispatch_part(const struct mps_engine *eng,
                                      const struct mps_ho_request *req);
void mps_dispatch_parts(struct mps_hub *hub, const struct mps_ho_request *req,
                        struct json_object **part, unsigned n, struct mps_dispatch *d);
