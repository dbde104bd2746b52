/* SPDX-License-Identifier: MIT */
/*
 * TCP sockets as the engine uses them: addresses, options, measurements. No descriptor that came
 * from an application is ever switched to O_NONBLOCK, since that flag is shared with the
 * application: every transfer passes MSG_DONTWAIT instead.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include "core/base/addr.h"
#include "core/base/span.h"
#include "core/subflow/subflow.h"

/* "[ip6]:port" at its longest. */
#define MPS_SOCK_TEXT_LEN 64

/* v4-mapped addresses become IPv4. Family MPS_AF_NONE if `ss` is neither IPv4 nor IPv6. */
void mps_sock_to_addr(const struct sockaddr_storage *ss, struct mps_addr *ret);

/* Returns the length of the address, 0 for MPS_AF_NONE. */
socklen_t mps_sock_from_addr(const struct mps_addr *addr, struct sockaddr_storage *ret);

/* "ip:port" or "[ip6]:port"; returns buf. */
const char *mps_sock_text(const struct mps_addr *addr, char buf[MPS_SOCK_TEXT_LEN]);

/* Local and remote address of a connected socket. 0 or MPS_ESYS. */
int mps_sock_names(int fd, struct sockaddr_storage *ret_local, struct sockaddr_storage *ret_peer);

/* A non-blocking, close-on-exec TCP socket, or -1 with errno. */
int mps_sock_tcp(enum mps_family family);

/*
 * Timers of a subflow's socket. Retransmissions come at least every second (Linux 6.15), so that
 * the return of the path is noticed within a second, where TCP's doubling back-off would take as
 * long as the outage did. TCP_USER_TIMEOUT keeps the endurance of plain TCP (15 retransmissions) in
 * spite of that, unless the program has set its own.
 */
void mps_sock_subflow_timers(int fd);

/* A lack, or a signal, is waited out for a few tries. */
bool mps_sock_set_int(int fd, int level, int name, int value);

/* For a socket that no application has. */
bool mps_sock_set_nonblocking(int fd);

/* `fallback` if it cannot be read. */
int mps_sock_get_int(int fd, int level, int name, int fallback);

/* Is this a TCP stream socket over IPv4 or IPv6? */
bool mps_sock_is_tcp(int fd);

/* MSS the peer's SYN or SYN-ACK named, as TCP_INFO shows it; 0 if unknown. */
unsigned mps_sock_peer_mss(int fd);

/* The peer sent its FIN or reset; data before it may still be unread. */
bool mps_sock_is_eof(int fd);

/* How many bytes are there to be read; 0 if unknown. */
size_t mps_sock_waiting(int fd);

/* The next byte to be read is urgent. */
bool mps_sock_at_urgent(int fd);

/* The kernel is short of memory: the call is to be made again a little later. */
bool mps_sock_is_lack(int err);
#define MPS_SOCK_RETRY_S 0.01

/* Close with a RST to the peer. */
void mps_sock_reset(int fd);

/*
 * What the end of this process does to the connection: with `abortive` a reset, whatever state it
 * is in; without, an end in order behind what was written, and close() never waits for it.
 */
void mps_sock_set_abortive(int fd, bool abortive);

/* In order: what was written goes out first. */
void mps_sock_close(int fd);

/* What TCP_INFO knows. False: the kernel did not answer, *ret is zero. */
bool mps_sock_metrics(int fd, struct mps_metrics *ret);

/* Smoothed round trip in nanoseconds, 0 if unknown. */
uint64_t mps_sock_rtt_ns(int fd);

/* Nanoseconds, 0 if unknown: smoothed round trip, TCP's retransmission timer of the path, and how
 * long ago TCP got the latest acknowledgment. */
struct mps_sock_times {
    uint64_t rtt, rto, silence;
};
struct mps_sock_times mps_sock_times(int fd);

/* Bytes came behind others that are missing, at some time. */
bool mps_sock_had_hole(int fd);

/* recvmsg and sendmsg over core spans, never blocking, never SIGPIPE; -1 with errno. */
#define MPS_SOCK_IOV_MAX 64
ssize_t mps_sock_readv(int fd, const struct mps_span *spans, unsigned n);
ssize_t mps_sock_writev(int fd, const struct mps_span *spans, unsigned n);

/* errno after a transfer: nothing wrong, only nothing to do now. */
bool mps_sock_would_block(int err);
