/* SPDX-License-Identifier: MIT */
/* Urgent data on a descriptor of ours: where AF_UNIX counts otherwise than TCP. */
#pragma once
#include <poll.h>
#include <stdbool.h>

/* The flags of a sending call; without MSG_OOB where the kernel's AF_UNIX knows no urgent data. */
int mps_urgent_flags(int fd, int flags);

/* What FIONREAD says on TCP if the kernel has said n of the AF_UNIX end. */
int mps_urgent_readable(int fd, int n);

/* After a successful poll(): a lone urgent byte is POLLPRI, but nothing to read. */
void mps_urgent_polled(struct pollfd *fds, nfds_t n);
