/* SPDX-License-Identifier: MIT */
/*
 * What Linux tells of its own MPTCP connections by getsockopt() at the level SOL_MPTCP, told of
 * ours: the options, and the layouts in which the kernel gives them, which are those of a 64-bit
 * kernel for programs of 32 bits, too. (The headers of older systems lack some of them.)
 *
 * The agent writes all that it knows into a file in memory, and the program's side takes out of it
 * what an option asks for. The file is a struct mps_kernelinfo, and behind it one struct
 * mps_kernelinfo_subflow for each subflow, the oldest first.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "ask.h"

#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif

#define MPS_KERNEL_INFO      1  /* MPTCP_INFO */
#define MPS_KERNEL_TCPINFO   2  /* MPTCP_TCPINFO */
#define MPS_KERNEL_ADDRS     3  /* MPTCP_SUBFLOW_ADDRS */
#define MPS_KERNEL_FULL_INFO 4  /* MPTCP_FULL_INFO, Linux 6.5 */
#define MPS_KERNEL_IS_MPTCP  43 /* TCP_IS_MPTCP, of the level IPPROTO_TCP, Linux 5.16 */

#define MPS_KERNEL_REMOTE_KEY 0x2u /* MPTCP_INFO_FLAG_REMOTE_KEY_RECEIVED */

/* struct mptcp_info of Linux 6.18: `subflows` and the counts beside it are without the first. */
struct mps_kernel_info {
    uint8_t subflows, add_addr_signal, add_addr_accepted;
    uint8_t subflows_max, add_addr_signal_max, add_addr_accepted_max;
    uint8_t pad[2];
    uint32_t flags, token;
    uint64_t write_seq, snd_una, rcv_nxt;
    uint8_t local_addr_used, local_addr_max, csum_enabled, pad2;
    uint32_t retransmits;
    uint64_t bytes_retrans, bytes_sent, bytes_received, bytes_acked;
    uint8_t subflows_total, endpoints[3]; /* with the first; endpoints: of the kernel's manager */
    uint32_t last_data_sent, last_data_received, last_ack_received; /* milliseconds ago */
};

/* struct mptcp_subflow_addrs: an address is as long as the kernel's sockaddr_storage. */
struct mps_kernel_addrs {
    uint8_t local[128], remote[128];
};

#define MPS_KERNEL_TCP_MAX 512 /* struct tcp_info is shorter, in kernels to come, too */

struct mps_kernelinfo {
    uint32_t subflows;
    uint32_t tcp_info; /* bytes that this kernel's struct tcp_info has */
    struct mps_kernel_info info;
};

struct mps_kernelinfo_subflow {
    /* struct mptcp_subflow_info */
    uint32_t id; /* from 1 */
    uint32_t pad;
    struct mps_kernel_addrs addrs;
    uint8_t tcp_info[MPS_KERNEL_TCP_MAX];
};

_Static_assert(sizeof(struct mps_kernel_info) == 96 &&
                   offsetof(struct mps_kernel_info, bytes_retrans) == 48 &&
                   offsetof(struct mps_kernel_info, subflows_total) == 80,
               "as struct mptcp_info");
_Static_assert(offsetof(struct mps_kernelinfo_subflow, addrs) == 8 &&
                   offsetof(struct mps_kernelinfo_subflow, tcp_info) == 264,
               "begins as struct mptcp_subflow_info");

/*
 * getsockopt() of one of these options, at the level SOL_MPTCP: 0, a negative errno value as the
 * kernel has it, or MPS_HO_NO_REPLY. A connection that is plain TCP has none of them (EOPNOTSUPP).
 * Async-signal-safe; errno is preserved.
 */
int mps_kernelinfo_get(const struct mps_ho_conn *conn, int option, void *value, socklen_t *len);
