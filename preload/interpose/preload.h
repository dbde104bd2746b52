/* SPDX-License-Identifier: MIT */
/* What the wrappers share. LIFECYCLE.md says what each of them does and which rules bind them. */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>
#include "handover/carry.h"
#include "handover/config.h"
#include "handover/exchange.h"
#include "handover/marks.h"
#include "handover/message.h"
#include "handover/names.h"
#include "claim.h"
#include "hints.h"
#include "next.h"

#define MPS_EXPORT __attribute__((visibility("default")))

/* The environment's agent, NULL if there is none: then every call stays native. */
const struct mps_ho_config *mps_preload_config(void);

/* A TCP socket over IPv4 or IPv6 (not MPTCP, not UDP, not a file)? errno is preserved. */
bool mps_preload_is_tcp(int fd);

/* Is fd the application's end of a connection of ours? Then its name; errno is preserved. */
bool mps_preload_is_ours(int fd, struct mps_ho_conn_name *ret);

/* The same, for handover/ask.h and handover/sockopt.h. */
struct mps_ho_conn;
bool mps_preload_conn(int fd, struct mps_ho_conn_name *name, struct mps_ho_conn *ret);

/* The value of an int socket option, or fallback if it cannot be read; errno is preserved. */
int mps_preload_option(int fd, int level, int name, int fallback);

/* Set an int socket option; errno is preserved. */
bool mps_preload_set_option(int fd, int level, int name, int value);

/*
 * Hand the TCP socket fd to the agent (handover/exchange.h; MPS_HO_CONNECTED or MPS_HO_ACCEPTED).
 * flags: MPS_HO_BOUND; MPS_HO_NONBLOCK if the program's call must not block although fd may. The
 * caller blocks all signals, and ends the claim afterwards. errno is preserved.
 */
enum mps_exchange_result mps_swap(int fd, enum mps_ho_op op, unsigned flags,
                                  const struct mps_claim *claim);

/* Is the local address of a TCP socket a particular one? errno is preserved. */
bool mps_preload_is_bound(int fd);

/* The last step alone, with what the program had set on the old socket. */
enum mps_exchange_result mps_swap_put(int fd, int end, const struct mps_carry *carry,
                                      const struct mps_claim *claim);

/*
 * connect(AF_UNSPEC) on the connection of ours called name: it is reset, and a fresh TCP socket
 * takes its place. The result is that of connect().
 */
int mps_disconnect(int fd, const struct mps_ho_conn_name *name);

/*
 * What a look at fd, on which connect() was marked, shows. A peer that is listed as capable counts
 * as if it had answered with the mark. errno is preserved.
 */
enum mps_marks_seen mps_pending_look(int fd);

/* Mark the listeners that the program was started with (LISTEN_PID and LISTEN_FDS, or NULL). */
void mps_listen_take_over(const char *pid, const char *count);

/* A marked connect() on fd went out; it is pending from now on. errno is preserved. */
void mps_pending_start(int fd);

/*
 * Decide about fd if it is established: it is swapped, or stays native. With `data` a call follows
 * that may move bytes. errno is preserved.
 */
void mps_pending_decide(int fd, bool data);

/*
 * The socket of fd has another holder, or is about to get one: decide about it if it is
 * established; else it stays native for good, because swapping one number would cut off the other
 * holder. errno is preserved.
 */
void mps_pending_share(int fd);

/* The program has set an option of handover/binding.h: fd stays native. errno is preserved. */
void mps_pending_keep(int fd);

/*
 * If fd is a listener that was marked, take the mark off: connections that come later stay native.
 * For other sockets nothing happens. errno is preserved.
 */
void mps_listen_unmark(int fd);

/* For a listener, whatever the hints say of it: take the mark off; has it a mark? */
void mps_listen_clear(int fd);
bool mps_listen_is_marked(int fd);

/* Nothing of the program's is in the way of marking the listener. */
bool mps_listen_may_mark(int fd);

/* Tell the agent about a listener that came from elsewhere; false if it is not to be marked. */
bool mps_listen_announce(int fd);

/* Cheap when nothing is pending. */
static inline void mps_decide(int fd, bool data)
{
    if (__builtin_expect(mps_hints_pending(fd), 0))
        mps_pending_decide(fd, data);
}
