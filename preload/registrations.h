/* SPDX-License-Identifier: MIT */
/* The epoll registrations of a descriptor, moved from its old file to its new one. */
#pragma once
#include "hints.h"

struct mps_registrations {
    int epfd[MPS_HINT_EPOLLS]; /* -1: none */
    struct epoll_event event[MPS_HINT_EPOLLS];
};

/* Delete what the hint knows and the kernel confirms; *ret is what was there. */
void mps_registrations_take(int fd, struct mps_hint *hint, struct mps_registrations *ret);

/* Register the file that fd is now. */
void mps_registrations_put(int fd, struct mps_registrations *self);
