/* SPDX-License-Identifier: MIT */
/*
 * Calls that send bytes: each first decides about a pending descriptor. On a descriptor of ours
 * libc's function does the rest, but for habits of TCP that AF_UNIX does not share: it takes no
 * notice of an address, nor of descriptors and credentials in control messages.
 */
#include "interpose/preload.h"
#include <errno.h>
#include "interpose/broken.h"
#include "interpose/doubt.h"
#include "interpose/ended.h"
#include "handover/liketcp.h"
#include "interpose/marking.h"
#include "interpose/urgent.h"

MPS_EXPORT ssize_t write(int fd, const void *buf, size_t n)
{
    mps_decide(fd, true);
    return mps_next.write(fd, buf, n);
}

MPS_EXPORT ssize_t writev(int fd, const struct iovec *iov, int n)
{
    mps_decide(fd, true);
    return mps_next.writev(fd, iov, n);
}

/* The signal of a broken pipe is raised by broken.h, if it is due. */
static int quiet(int fd, int flags)
{
    return mps_hints_is_ours(fd) ? flags | MSG_NOSIGNAL : flags;
}

/* Of a call whose flags were `flags` before quiet(); returns rc. */
static ssize_t heard(int fd, ssize_t rc, int flags)
{
    if (rc < 0 && mps_hints_is_ours(fd))
        mps_broken_failed(fd, !(flags & MSG_NOSIGNAL));
    return mps_ended(fd, rc);
}

/* A connection that is there already is not opened again. */
static bool refuses_flags(int fd, int flags)
{
    struct mps_ho_conn_name name;

    if (__builtin_expect(!(flags & MSG_FASTOPEN), 1) || !mps_preload_is_ours(fd, &name))
        return false;
    errno = EISCONN;
    return true;
}

MPS_EXPORT ssize_t send(int fd, const void *buf, size_t n, int flags)
{
    mps_decide(fd, true);
    if (refuses_flags(fd, flags))
        return -1;
    flags = mps_urgent_flags(fd, flags);
    return heard(fd, mps_next.send(fd, buf, n, quiet(fd, flags)), flags);
}

MPS_EXPORT ssize_t sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr,
                          socklen_t len)
{
    struct mps_ho_conn_name name;
    ssize_t sent;

    mps_decide(fd, true);
    if (refuses_flags(fd, flags))
        return -1;
    flags = mps_urgent_flags(fd, flags);
    sent = mps_next.sendto(fd, buf, n, quiet(fd, flags), addr, len);
    /* TCP would have taken no notice of the address. */
    if (sent < 0 && addr && (errno == EISCONN || errno == EOPNOTSUPP) &&
        mps_preload_is_ours(fd, &name))
        sent = mps_next.send(fd, buf, n, quiet(fd, flags));
    return heard(fd, sent, flags);
}

/* Descriptors that travel in a control message get another holder. */
static void share_passed(const struct msghdr *msg)
{
    struct msghdr header = *msg; /* CMSG_NXTHDR takes none that is constant */

    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        size_t n;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0))
            continue;
        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd = ((const int *)CMSG_DATA(c))[i];

            mps_pending_share(fd);
        }
    }
}

/* Has the message more than bytes, of which TCP knows nothing? Then those are all that goes. */
static bool has_more(const struct msghdr *msg)
{
    return msg->msg_name || (msg->msg_control && msg->msg_controllen > 0);
}

static ssize_t send_bytes_of(int fd, const struct msghdr *msg, int flags)
{
    struct msghdr bare = *msg;

    if (mps_liketcp_control(msg) < 0)
        return -1;
    bare.msg_name = NULL;
    bare.msg_namelen = 0;
    bare.msg_control = NULL;
    bare.msg_controllen = 0;
    return mps_next.sendmsg(fd, &bare, flags);
}

MPS_EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct mps_ho_conn_name name;

    mps_decide(fd, true);
    if (refuses_flags(fd, flags))
        return -1;
    flags = mps_urgent_flags(fd, flags);
    if (!msg || __builtin_expect(!has_more(msg), 1))
        return heard(fd, mps_next.sendmsg(fd, msg, quiet(fd, flags)), flags);
    if (mps_preload_is_ours(fd, &name))
        return heard(fd, send_bytes_of(fd, msg, quiet(fd, flags)), flags);
    if (mps_preload_config())
        share_passed(msg);
    return mps_next.sendmsg(fd, msg, flags);
}

/* One by one, as the kernel does. */
static int send_bytes_of_all(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
    for (unsigned i = 0; i < n; i++) {
        ssize_t sent = send_bytes_of(fd, &msgs[i].msg_hdr, flags);

        if (sent < 0)
            return i > 0 ? (int)i : -1;
        msgs[i].msg_len = (unsigned)sent;
    }
    return (int)n;
}

MPS_EXPORT int sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
    struct mps_ho_conn_name name;
    bool more = false;

    mps_decide(fd, true);
    if (refuses_flags(fd, flags))
        return -1;
    flags = mps_urgent_flags(fd, flags);
    for (unsigned i = 0; msgs && i < n && !more; i++)
        more = has_more(&msgs[i].msg_hdr);
    if (more && mps_preload_is_ours(fd, &name))
        return (int)heard(fd, send_bytes_of_all(fd, msgs, n, quiet(fd, flags)), flags);
    for (unsigned i = 0; more && i < n && mps_preload_config(); i++)
        share_passed(&msgs[i].msg_hdr);
    return (int)heard(fd, mps_next.sendmmsg(fd, msgs, n, quiet(fd, flags)), flags);
}

MPS_EXPORT ssize_t sendfile(int out, int in, off_t *offset, size_t n)
{
    mps_decide(out, true);
    return mps_next.sendfile(out, in, offset, n);
}

#if __WORDSIZE == 64
MPS_EXPORT ssize_t sendfile64(int out, int in, off64_t *offset, size_t n)
{
    mps_decide(out, true);
    return mps_next.sendfile(out, in, (off_t *)offset, n);
}
#endif

MPS_EXPORT ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t n,
                          unsigned flags)
{
    mps_decide(in, true);
    mps_decide(out, true);
    return mps_next.splice(in, in_offset, out, out_offset, n, flags);
}
