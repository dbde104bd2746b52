/* SPDX-License-Identifier: MIT */
/* What each request of handover/message.h means. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "handover/message.h"

struct mps_hub;
struct mps_session;

struct mps_dispatch {
    int fd;    /* in: passed with the request or -1; taken */
    pid_t pid; /* in: the client's */
    struct mps_ho_reply reply;
    int reply_fd;                /* out: passed with the reply or -1 */
    struct mps_session *session; /* made by this request: given up if the reply is not taken */
};

void mps_dispatch_request(struct mps_hub *hub, const struct mps_ho_request *req,
                          struct mps_dispatch *d);

/* After the reply was sent, or not. */
void mps_dispatch_done(struct mps_dispatch *d, bool sent);
