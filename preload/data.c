/* SPDX-License-Identifier: MIT */
/*
 * Calls that move bytes or wait for them: each first settles a pending descriptor. On a descriptor
 * of ours libc's function does the rest, but for two habits of TCP that AF_UNIX does not share.
 */
#include "preload.h"
#include <errno.h>
#include "broken.h"
#include "inq.h"
#include "urgent.h"

#define DISCARD_MAX 4096

ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t size, int flags, struct sockaddr *addr,
                       socklen_t *len);
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
                size_t size);

/* TCP discards what MSG_TRUNC receives, and lets the buffer be NULL. */
static bool discards(int fd, int flags)
{
    struct mps_ho_conn_name name;

    return flags & MSG_TRUNC && !(flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)) &&
           mps_preload_is_ours(fd, &name);
}

static ssize_t discard(int fd, size_t n, int flags)
{
    char scratch[DISCARD_MAX];

    return mps_next.recv(fd, scratch, n < sizeof(scratch) ? n : sizeof(scratch),
                         flags & ~(MSG_TRUNC | MSG_WAITALL));
}

MPS_EXPORT ssize_t read(int fd, void *buf, size_t n)
{
    mps_settle(fd, true);
    return mps_next.read(fd, buf, n);
}

MPS_EXPORT ssize_t __read_chk(int fd, void *buf, size_t n, size_t size)
{
    mps_settle(fd, true);
    return mps_next.__read_chk(fd, buf, n, size);
}

MPS_EXPORT ssize_t readv(int fd, const struct iovec *iov, int n)
{
    mps_settle(fd, true);
    return mps_next.readv(fd, iov, n);
}

MPS_EXPORT ssize_t recv(int fd, void *buf, size_t n, int flags)
{
    mps_settle(fd, true);
    if (__builtin_expect(flags & MSG_TRUNC, 0) && discards(fd, flags))
        return discard(fd, n, flags);
    return mps_next.recv(fd, buf, n, flags);
}

MPS_EXPORT ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags)
{
    mps_settle(fd, true);
    if (__builtin_expect(flags & MSG_TRUNC, 0) && n <= size && discards(fd, flags))
        return discard(fd, n, flags);
    return mps_next.__recv_chk(fd, buf, n, size, flags);
}

MPS_EXPORT ssize_t recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *addr,
                            socklen_t *len)
{
    mps_settle(fd, true);
    if (__builtin_expect(flags & MSG_TRUNC, 0) && discards(fd, flags))
        return discard(fd, n, flags);
    return mps_next.recvfrom(fd, buf, n, flags, addr, len);
}

MPS_EXPORT ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t size, int flags,
                                  struct sockaddr *addr, socklen_t *len)
{
    mps_settle(fd, true);
    return mps_next.__recvfrom_chk(fd, buf, n, size, flags, addr, len);
}

MPS_EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    const size_t room = msg ? msg->msg_controllen : 0;
    ssize_t got;

    mps_settle(fd, true);
    got = mps_next.recvmsg(fd, msg, flags);
    if (got >= 0 && !(flags & MSG_ERRQUEUE) && mps_inq_wanted(fd))
        mps_inq_append(fd, msg, room);
    return got;
}

MPS_EXPORT int recvmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags,
                        struct timespec *timeout)
{
    mps_settle(fd, true);
    return mps_next.recvmmsg(fd, msgs, n, flags, timeout);
}

MPS_EXPORT ssize_t write(int fd, const void *buf, size_t n)
{
    mps_settle(fd, true);
    return mps_next.write(fd, buf, n);
}

MPS_EXPORT ssize_t writev(int fd, const struct iovec *iov, int n)
{
    mps_settle(fd, true);
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
    return rc;
}

MPS_EXPORT ssize_t send(int fd, const void *buf, size_t n, int flags)
{
    mps_settle(fd, true);
    flags = mps_urgent_flags(fd, flags);
    return heard(fd, mps_next.send(fd, buf, n, quiet(fd, flags)), flags);
}

/* An address was given and refused: TCP would have ignored it on a connection of ours. */
static bool refuses_address(int fd)
{
    struct mps_ho_conn_name name;

    return (errno == EISCONN || errno == EOPNOTSUPP) && mps_preload_is_ours(fd, &name);
}

MPS_EXPORT ssize_t sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr,
                          socklen_t len)
{
    ssize_t sent;

    mps_settle(fd, true);
    flags = mps_urgent_flags(fd, flags);
    sent = mps_next.sendto(fd, buf, n, quiet(fd, flags), addr, len);
    if (sent < 0 && addr && !(flags & MSG_FASTOPEN) && refuses_address(fd))
        sent = mps_next.send(fd, buf, n, quiet(fd, flags));
    return heard(fd, sent, flags);
}

/* Descriptors that travel in a control message get another holder. */
static void settle_passed(const struct msghdr *msg)
{
    struct msghdr *header = (struct msghdr *)msg; /* CMSG_NXTHDR only reads it */

    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
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

MPS_EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    ssize_t sent;

    mps_settle(fd, true);
    if (msg && msg->msg_control && mps_preload_config())
        settle_passed(msg);
    flags = mps_urgent_flags(fd, flags);
    sent = mps_next.sendmsg(fd, msg, quiet(fd, flags));
    if (sent < 0 && msg && msg->msg_name && !(flags & MSG_FASTOPEN) && refuses_address(fd)) {
        struct msghdr bare = *msg;

        bare.msg_name = NULL;
        bare.msg_namelen = 0;
        sent = mps_next.sendmsg(fd, &bare, quiet(fd, flags));
    }
    return heard(fd, sent, flags);
}

MPS_EXPORT int sendmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
    mps_settle(fd, true);
    flags = mps_urgent_flags(fd, flags);
    return (int)heard(fd, mps_next.sendmmsg(fd, msgs, n, quiet(fd, flags)), flags);
}

MPS_EXPORT ssize_t sendfile(int out, int in, off_t *offset, size_t n)
{
    mps_settle(out, true);
    return mps_next.sendfile(out, in, offset, n);
}

#if __WORDSIZE == 64
MPS_EXPORT ssize_t sendfile64(int out, int in, off64_t *offset, size_t n)
{
    mps_settle(out, true);
    return mps_next.sendfile(out, in, (off_t *)offset, n);
}
#endif

MPS_EXPORT ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t n,
                          unsigned flags)
{
    mps_settle(in, true);
    mps_settle(out, true);
    return mps_next.splice(in, in_offset, out, out_offset, n, flags);
}

static void settle_all(const struct pollfd *fds, nfds_t n)
{
    if (fds)
        for (nfds_t i = 0; i < n; i++)
            mps_settle(fds[i].fd, false);
}

static int polled(struct pollfd *fds, nfds_t n, int rc)
{
    if (rc > 0)
        mps_urgent_polled(fds, n);
    return rc;
}

MPS_EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout)
{
    settle_all(fds, n);
    return polled(fds, n, mps_next.poll(fds, n, timeout));
}

MPS_EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size)
{
    settle_all(fds, n);
    return polled(fds, n, mps_next.__poll_chk(fds, n, timeout, size));
}

MPS_EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
                     const sigset_t *mask)
{
    settle_all(fds, n);
    return polled(fds, n, mps_next.ppoll(fds, n, timeout, mask));
}

MPS_EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
                           const sigset_t *mask, size_t size)
{
    settle_all(fds, n);
    return polled(fds, n, mps_next.__ppoll_chk(fds, n, timeout, mask, size));
}
