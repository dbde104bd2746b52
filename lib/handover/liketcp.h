/* SPDX-License-Identifier: MIT */
/*
 * What TCP says where an AF_UNIX socket would say something else, or too much: who is at the other
 * end, above all. Answers come from a TCP socket that is made for the question and closed again, so
 * that they are this kernel's own. All on a descriptor of ours, whose name the caller has.
 * Async-signal-safe; as the system calls return.
 */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>
#include "names.h"

/*
 * Does this option of SOL_SOCKET mean the same on an AF_UNIX socket? Options that nobody knows yet
 * do not.
 */
bool mps_liketcp_keeps(int option);

int mps_liketcp_get(const struct mps_ho_conn_name *name, int fd, int level, int option, void *value,
                    socklen_t *len);
int mps_liketcp_set(const struct mps_ho_conn_name *name, int fd, int level, int option,
                    const void *value, socklen_t len);

/* Does TCP answer this request of ioctl() otherwise than AF_UNIX, which said `error` (0: nothing
 * yet)? */
bool mps_liketcp_answers(unsigned long request, int error);
int mps_liketcp_ioctl(const struct mps_ho_conn_name *name, unsigned long request, void *arg);

/*
 * Control messages to send: TCP takes no notice of descriptors and credentials, and refuses what it
 * does not know. 0, or -1 with errno.
 */
int mps_liketcp_control(const struct msghdr *msg);
