/* SPDX-License-Identifier: MIT */
/* TCP_INQ and TCP_CM_INQ on an end of ours. Async-signal-safe; errno is preserved. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#ifndef TCP_INQ /* <netinet/tcp.h> and <linux/tcp.h> exclude each other */
#define TCP_INQ    36
#define TCP_CM_INQ TCP_INQ
#endif

/* The option of the end fd, 0 or 1; false if it cannot be set. */
bool mps_inq_set(int fd, int value);
int mps_inq_get(int fd);

/* Is a message of recvmsg(fd) to carry it? One load if no program code ever set the option. */
bool mps_inq_wanted(int fd);

/* After a recvmsg() that found `room` bytes at msg_control. */
void mps_inq_append(int fd, struct msghdr *msg, size_t room);
