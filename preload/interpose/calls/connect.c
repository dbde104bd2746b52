/* SPDX-License-Identifier: MIT */
#include "interpose/preload.h"
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include "interpose/exceptions.h"
#include "handover/marks.h"
#include "handover/sys.h"
#include "interpose/netns.h"
#include "interpose/recent.h"
#include "interpose/tally.h"

#define MSS_UNSET 536 /* what a socket answers before its handshake if TCP_MAXSEG was not set */

/* After a failed handshake of ours the kernel has forgotten the mark, not the MSS it led to (with
 * 12 bytes less for timestamps). */
#define MSS_AFTER_FAILURE (MPS_MARK_CONNECT - 12)

static bool is_loopback(const struct sockaddr *addr, socklen_t len)
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
    const unsigned char *v4 = (const unsigned char *)&((const struct sockaddr_in *)addr)->sin_addr;

    if (addr->sa_family == AF_INET6) {
        if (len < sizeof(*in6))
            return false;
        if (!IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
            return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
        v4 = &in6->sin6_addr.s6_addr[12];
    }
    return v4[0] == 127;
}

/* A second connection, plain or not, could not name the interface that its address means. */
static bool is_link_local(const struct sockaddr *addr)
{
    return addr->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)addr)->sin6_addr);
}

/* Within a host there is one path, and no better one than TCP's own: unless addresses are given
 * that stand for interfaces. */
static bool one_path(const struct sockaddr *addr, socklen_t len)
{
    return is_loopback(addr, len) && !strstr(mps_preload_config()->options, "local=");
}

/* Has the program left the MSS alone, and is there no connection yet? */
static bool may_set_mss(int fd)
{
    int mss = mps_preload_option(fd, IPPROTO_TCP, TCP_MAXSEG, 0);

    if (mss == MSS_UNSET)
        return true;
    /* Programs call connect() again to learn of its success: the MSS of an established connection
     * can look like one of ours. */
    return (mss == MPS_MARK_CONNECT || mss == MSS_AFTER_FAILURE) && mps_marks_unconnected(fd);
}

#define NOT_OURS MPS_PLAIN_REASONS /* no connection of TCP at all */

/* MPS_PLAIN_NONE if this connect() may be marked; else why not. */
static enum mps_plain_reason objection(int fd, const struct sockaddr *addr, socklen_t len)
{
    struct mps_hint *hint;

    if (!mps_preload_config() || !addr || len < sizeof(struct sockaddr_in))
        return NOT_OURS;
    if (addr->sa_family != AF_INET && addr->sa_family != AF_INET6)
        return NOT_OURS;
    if (addr->sa_family == AF_INET6 && len < sizeof(struct sockaddr_in6))
        return NOT_OURS;
    if (mps_exceptions_left_alone() || mps_exceptions_left_port(mps_exceptions_port_of(addr, len)))
        return MPS_PLAIN_LEFT_ALONE;
    if (one_path(addr, len))
        return MPS_PLAIN_LOOPBACK;
    if (is_link_local(addr))
        return MPS_PLAIN_LINK_LOCAL;
    if (mps_recent_is_plain(addr))
        return MPS_PLAIN_RECENT;
    if (!may_set_mss(fd))
        return MPS_PLAIN_OPTION;
    hint = mps_hints_get(fd);
    if (!hint || atomic_load_explicit(&hint->fixed, memory_order_relaxed))
        return MPS_PLAIN_OPTION;
    if (atomic_load_explicit(&hint->shared, memory_order_relaxed))
        return MPS_PLAIN_SHARED;
    /* The hint may be an old one of the number, but a socket that has an MSS is TCP or MPTCP. */
    if (!atomic_load_explicit(&hint->tcp, memory_order_relaxed) && !mps_preload_is_tcp(fd))
        return NOT_OURS;
    if (atomic_load_explicit(&hint->fast_open, memory_order_relaxed) &&
        mps_preload_option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0) != 0)
        return MPS_PLAIN_OPTION;
    return mps_netns_is_foreign(fd) ? MPS_PLAIN_NAMESPACE : MPS_PLAIN_NONE;
}

/*
 * A near server that could not hand over its end resets the connection so that the peer comes back
 * plain; if that was faster than connect() or our own hand-over, it is done here. Otherwise `rc`.
 */
static int come_back(int fd, const struct sockaddr *addr, socklen_t len, int rc)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};

    if (mps_marks_look(fd) != MPS_MARKS_REFUSED)
        return rc;
    mps_recent_remember(addr);
    (void)mps_sys_connect(fd, &none, sizeof(none));
    (void)mps_preload_set_option(fd, IPPROTO_TCP, TCP_MAXSEG, 0);
    mps_tally_connect(fd, MPS_PLAIN_PEER_REFUSED);
    return mps_next.connect(fd, addr, len);
}

static int connect_marked(int fd, const struct sockaddr *addr, socklen_t len)
{
    struct mps_hint *hint = mps_hints_get(fd);
    struct mps_marks_buffer buffer;
    int rc;

    if (hint && mps_exceptions_keep_bound())
        atomic_store_explicit(&hint->bound, mps_preload_is_bound(fd), memory_order_relaxed);
    if (mps_marks_prepare_connect(fd, &buffer) != 0) {
        mps_tally_connect(fd, MPS_PLAIN_OPTION);
        return mps_next.connect(fd, addr, len);
    }
    rc = mps_next.connect(fd, addr, len);
    mps_marks_put_back(fd, &buffer);
    if (rc < 0 && errno == ECONNRESET)
        return come_back(fd, addr, len, rc);
    if (rc < 0 && errno != EINPROGRESS && errno != EINTR)
        return rc;
    /* A near peer has answered by now, even if the call did not wait. */
    if (mps_pending_look(fd) == MPS_MARKS_NATIVE) {
        if (rc < 0) {
            mps_tally_decided(fd);
            return rc;
        }
        mps_recent_remember(addr);
        mps_tally_connect(fd, MPS_PLAIN_PEER_UNMARKED);
        return 0;
    }
    mps_pending_start(fd);
    if (rc == 0) {
        mps_decide(fd, false);
        rc = come_back(fd, addr, len, rc);
    }
    return rc;
}

/* The native call has refused an AF_UNIX socket; say what TCP says about a connected one. */
static int connect_ours(int fd, const struct sockaddr *addr, socklen_t len)
{
    int error = errno;
    struct mps_ho_conn_name name;

    if (error != EINVAL || !addr || len < sizeof(addr->sa_family) ||
        !mps_preload_is_ours(fd, &name))
        return -1;
    if (addr->sa_family == AF_UNSPEC)
        return mps_disconnect(fd, &name);
    if (addr->sa_family == AF_INET || addr->sa_family == AF_INET6)
        errno = EISCONN;
    return -1;
}

MPS_EXPORT int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    enum mps_plain_reason why;
    int rc;

    if (mps_hints_pending(fd)) {
        /* TCP's own answer first: 0 once, EALREADY, EISCONN, or a new handshake after a failure. */
        rc = mps_next.connect(fd, addr, len);
        mps_decide(fd, false);
        return rc;
    }
    why = objection(fd, addr, len);
    if (why == MPS_PLAIN_NONE)
        return connect_marked(fd, addr, len);
    rc = mps_next.connect(fd, addr, len);
    if (why != NOT_OURS && (rc == 0 || errno == EINPROGRESS))
        mps_tally_connect(fd, why);
    return rc < 0 ? connect_ours(fd, addr, len) : rc;
}
