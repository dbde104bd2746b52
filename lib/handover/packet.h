/* SPDX-License-Identifier: MIT */
/*
 * Packets of message.h on a SOCK_SEQPACKET connection, each with one descriptor or none. By direct
 * system calls, async-signal-safe; they return, and set errno, as sendmsg() and recvmsg() do.
 */
#pragma once
#include <sys/types.h>
#include "message.h"

/* fd -1: none. MSG_NOSIGNAL is added. */
ssize_t mps_ho_packet_send(int sock, const void *data, size_t len, int flags, int fd);

/*
 * *ret_fd: the descriptor that came, close-on-exec; -1 if none did. More than one are a stranger's:
 * all but the first are closed.
 */
ssize_t mps_ho_packet_receive(int sock, void *data, size_t size, int flags, int *ret_fd);

enum mps_ho_reply_is {
    MPS_HO_REPLY_SOUND,
    MPS_HO_REPLY_OTHER_VERSION, /* `version` says which */
    MPS_HO_REPLY_GARBAGE,
};

/* What a packet of n bytes is. */
enum mps_ho_reply_is mps_ho_reply_check(const struct mps_ho_reply *reply, ssize_t n);
