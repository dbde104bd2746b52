/* SPDX-License-Identifier: MIT */
#include "tally.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include "handover/marks.h"
#include "handover/sys.h"
#include "preload.h"

#define NO_TCP MPS_PLAIN_REASONS /* in the place of a listener's reason: it is of AF_UNIX, say */

static struct mps_counts *counts;

void mps_tally_start(const char *number, const char *agent_id)
{
    counts = mps_counts_attach(number, agent_id);
}

_Atomic uint32_t *mps_tally_passed(void)
{
    return counts ? &counts->passed : NULL;
}

void mps_tally(enum mps_counts_role role, enum mps_plain_reason reason)
{
    mps_counts_add(counts, role, reason);
}

/* No system call: plain connections are to cost what they cost without us. */
void mps_tally_connect(int fd, enum mps_plain_reason reason)
{
    struct mps_hint *hint = counts ? mps_hints_find(fd) : NULL;

    if (!hint || !atomic_load_explicit(&hint->tcp, memory_order_relaxed) ||
        atomic_load_explicit(&hint->plain, memory_order_relaxed) != MPS_PLAIN_NONE)
        return;
    atomic_store_explicit(&hint->plain, (int)reason, memory_order_relaxed);
    mps_tally(MPS_COUNTS_CLIENT, reason);
}

void mps_tally_decided(int fd)
{
    /* A handshake that failed made no connection. */
    if (counts && !mps_marks_unconnected(fd))
        mps_tally_connect(fd, mps_marks_synack_is(fd, MPS_MARK_LISTEN) ? MPS_PLAIN_USED_EARLY
                                                                       : MPS_PLAIN_PEER_UNMARKED);
}

void mps_tally_listener(int fd, enum mps_plain_reason reason)
{
    struct mps_hint *hint = counts ? mps_hints_find(fd) : NULL;

    if (hint && atomic_load_explicit(&hint->tcp, memory_order_relaxed))
        atomic_store_explicit(&hint->plain, (int)reason, memory_order_relaxed);
}

/* A listener that was made before this program started. */
static int look_at_listener(int fd)
{
    if (!mps_preload_is_tcp(fd))
        return NO_TCP;
    return mps_preload_option(fd, IPPROTO_TCP, TCP_MAXSEG, 0) == MPS_MARK_LISTEN
               ? MPS_PLAIN_PEER_UNMARKED
               : MPS_PLAIN_LISTENER;
}

static int listener_reason(int fd)
{
    struct mps_hint *hint = mps_hints_get(fd);
    int reason;

    if (!hint)
        return look_at_listener(fd);
    if (atomic_load_explicit(&hint->listener, memory_order_relaxed) != 0)
        return MPS_PLAIN_PEER_UNMARKED;
    reason = atomic_load_explicit(&hint->plain, memory_order_relaxed);
    if (reason == MPS_PLAIN_NONE) {
        reason = look_at_listener(fd);
        atomic_store_explicit(&hint->plain, reason, memory_order_relaxed);
    }
    return reason;
}

static bool from_loopback(int fd)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&ss;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&ss;
    int saved = errno;
    bool known = mps_sys_getpeername(fd, &ss, &len) == 0;

    errno = saved;
    if (!known)
        return false;
    if (ss.ss_family == AF_INET)
        return *(const unsigned char *)&v4->sin_addr == 127;
    return ss.ss_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
            (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127));
}

/* Connections inherit what the listener had when they came. */
static bool came_after_mark(int conn)
{
    return mps_preload_option(conn, IPPROTO_TCP, TCP_SAVE_SYN, 1) == 1;
}

void mps_tally_accepted(int listener, int conn)
{
    int reason = counts ? listener_reason(listener) : NO_TCP;

    if (reason == NO_TCP)
        return;
    /* The peer, within this host, had no reason to ask. */
    if (reason == MPS_PLAIN_PEER_UNMARKED && from_loopback(conn))
        reason = MPS_PLAIN_LOOPBACK;
    else if (reason == MPS_PLAIN_PEER_UNMARKED && !came_after_mark(conn))
        reason = MPS_PLAIN_LISTENER;
    mps_tally(MPS_COUNTS_SERVER, (enum mps_plain_reason)reason);
}
