/* SPDX-License-Identifier: MIT */
/*
 * Calls that receive bytes: each first decides about a pending descriptor. On a descriptor of ours
 * libc's function does the rest, but for two flags that AF_UNIX takes no notice of.
 */
#include "interpose/preload.h"
#include <errno.h>
#include <stddef.h>
#include <sys/un.h>
#include "handover/message.h"
#include "handover/names.h"
#include "interpose/ended.h"
#include "interpose/inq.h"

/* MSG_ERRQUEUE asks for what is beside the stream; MSG_TRUNC lets go of bytes uncopied. */
#define APART (MSG_ERRQUEUE | MSG_TRUNC)

/* Thrown away at once; the same memory again and again. */
#define SCRATCH_LEN  4096
#define SCRATCH_IOVS 64

ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t size, int flags, struct sockaddr *addr,
                       socklen_t *len);

/* Does AF_UNIX need help with these flags? */
static bool is_apart(int fd, int flags)
{
    struct mps_ho_conn_name name;

    return __builtin_expect(flags & APART, 0) && mps_preload_is_ours(fd, &name);
}

/* Up to n bytes into memory that nobody looks at; at most SCRATCH_LEN * SCRATCH_IOVS at once. */
static ssize_t discard(int fd, size_t n, int flags)
{
    char scratch[SCRATCH_LEN];
    struct iovec iov[SCRATCH_IOVS];
    struct msghdr msg = {.msg_iov = iov};

    do {
        iov[msg.msg_iovlen].iov_base = scratch;
        iov[msg.msg_iovlen].iov_len = n < SCRATCH_LEN ? n : SCRATCH_LEN;
        n -= iov[msg.msg_iovlen++].iov_len;
    } while (n > 0 && msg.msg_iovlen < SCRATCH_IOVS);
    /* A wait for more than can be asked for at once would be one for ever. */
    return mps_next.recvmsg(fd, &msg, flags & ~(MSG_TRUNC | (n > 0 ? MSG_WAITALL : 0)));
}

/*
 * Under the flags of APART. There is nothing on the error queue of a connection of ours. TCP does
 * not touch the buffer under MSG_TRUNC, which may be NULL; under MSG_OOB it takes no notice of it.
 */
static ssize_t receive_apart(int fd, void *buf, size_t n, int flags)
{
    if (flags & MSG_ERRQUEUE) {
        errno = EAGAIN;
        return -1;
    }
    if (flags & MSG_OOB)
        return mps_next.recv(fd, buf, n, flags & ~MSG_TRUNC);
    return discard(fd, n, flags);
}

MPS_EXPORT ssize_t read(int fd, void *buf, size_t n)
{
    mps_decide(fd, true);
    return mps_ended(fd, mps_next.read(fd, buf, n));
}

MPS_EXPORT ssize_t __read_chk(int fd, void *buf, size_t n, size_t size)
{
    mps_decide(fd, true);
    return mps_ended(fd, mps_next.__read_chk(fd, buf, n, size));
}

MPS_EXPORT ssize_t readv(int fd, const struct iovec *iov, int n)
{
    mps_decide(fd, true);
    return mps_ended(fd, mps_next.readv(fd, iov, n));
}

MPS_EXPORT ssize_t recv(int fd, void *buf, size_t n, int flags)
{
    mps_decide(fd, true);
    if (is_apart(fd, flags))
        return receive_apart(fd, buf, n, flags);
    return mps_ended(fd, mps_next.recv(fd, buf, n, flags));
}

MPS_EXPORT ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags)
{
    mps_decide(fd, true);
    if (n <= size && is_apart(fd, flags))
        return receive_apart(fd, buf, n, flags);
    return mps_ended(fd, mps_next.__recv_chk(fd, buf, n, size, flags));
}

/*
 * A connection's bytes come without an address, and the program's memory for it is not touched;
 * over AF_UNIX they have the name of the agent. The hint saves other sockets the look.
 */
static bool is_nameless(int fd, const void *addr)
{
    struct mps_ho_conn_name name;

    return addr && mps_hints_is_ours(fd) && mps_preload_is_ours(fd, &name);
}

/* The same of a connection that came from elsewhere: its name's length no other family's has. */
static void without_name(int fd, const void *addr, socklen_t *len)
{
    static const socklen_t agents_len =
        offsetof(struct sockaddr_un, sun_path) + sizeof(MPS_HO_END_PREFIX) + MPS_HO_ID_LEN;
    struct mps_ho_conn_name name;

    if (addr && len && *len == agents_len && mps_preload_is_ours(fd, &name))
        *len = 0;
}

static ssize_t receive_from_apart(int fd, void *buf, size_t n, int flags, socklen_t *len)
{
    ssize_t got = receive_apart(fd, buf, n, flags);

    if (got >= 0 && len)
        *len = 0;
    return got;
}

MPS_EXPORT ssize_t recvfrom(int fd, void *buf, size_t n, int flags, struct sockaddr *addr,
                            socklen_t *len)
{
    ssize_t got;

    mps_decide(fd, true);
    if (is_apart(fd, flags))
        return receive_from_apart(fd, buf, n, flags, addr ? len : NULL);
    if (len && is_nameless(fd, addr)) {
        got = mps_ended(fd, mps_next.recvfrom(fd, buf, n, flags, NULL, NULL));
        *len = got >= 0 ? 0 : *len;
        return got;
    }
    got = mps_ended(fd, mps_next.recvfrom(fd, buf, n, flags, addr, len));
    if (got >= 0)
        without_name(fd, addr, len);
    return got;
}

MPS_EXPORT ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t size, int flags,
                                  struct sockaddr *addr, socklen_t *len)
{
    ssize_t got;

    mps_decide(fd, true);
    if (n <= size && is_apart(fd, flags))
        return receive_from_apart(fd, buf, n, flags, addr ? len : NULL);
    if (len && is_nameless(fd, addr)) {
        got = mps_ended(fd, mps_next.__recvfrom_chk(fd, buf, n, size, flags, NULL, NULL));
        *len = got >= 0 ? 0 : *len;
        return got;
    }
    got = mps_ended(fd, mps_next.__recvfrom_chk(fd, buf, n, size, flags, addr, len));
    if (got >= 0)
        without_name(fd, addr, len);
    return got;
}

static ssize_t receive_message_apart(int fd, struct msghdr *msg, int flags)
{
    size_t n = 0;
    ssize_t got;

    for (size_t i = 0; i < msg->msg_iovlen; i++)
        n += msg->msg_iov[i].iov_len;
    if (flags & MSG_OOB && !(flags & MSG_ERRQUEUE))
        return mps_next.recvmsg(fd, msg, flags & ~MSG_TRUNC);
    got = receive_apart(fd, NULL, n, flags);
    if (got >= 0) {
        msg->msg_namelen = 0;
        msg->msg_controllen = 0;
        msg->msg_flags = flags & MSG_CMSG_CLOEXEC;
    }
    return got;
}

static ssize_t receive_nameless(int fd, struct msghdr *msg, int flags)
{
    struct msghdr bare = *msg;
    ssize_t got;

    bare.msg_name = NULL;
    bare.msg_namelen = 0;
    got = mps_next.recvmsg(fd, &bare, flags);
    if (got < 0)
        return got;
    bare.msg_name = msg->msg_name;
    *msg = bare;
    return got;
}

MPS_EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    const size_t room = msg ? msg->msg_controllen : 0;
    ssize_t got;

    mps_decide(fd, true);
    if (msg && is_apart(fd, flags))
        got = receive_message_apart(fd, msg, flags);
    else if (msg && is_nameless(fd, msg->msg_name))
        got = mps_ended(fd, receive_nameless(fd, msg, flags));
    else
        got = mps_ended(fd, mps_next.recvmsg(fd, msg, flags));
    if (got >= 0 && msg)
        without_name(fd, msg->msg_name, &msg->msg_namelen);
    if (got >= 0 && !(flags & MSG_ERRQUEUE) && mps_inq_wanted(fd))
        mps_inq_append(fd, msg, room);
    return got;
}

/* One after the other. */
static int receive_messages_apart(int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
    unsigned done = 0;

    while (done < n) {
        ssize_t got = receive_message_apart(fd, &msgs[done].msg_hdr, flags & ~MSG_WAITFORONE);

        if (got < 0)
            return done > 0 ? (int)done : -1;
        msgs[done++].msg_len = (unsigned)got;
        if (flags & MSG_WAITFORONE)
            flags |= MSG_DONTWAIT;
    }
    return (int)done;
}

MPS_EXPORT int recvmmsg(int fd, struct mmsghdr *msgs, unsigned n, int flags,
                        struct timespec *timeout)
{
    int got;

    mps_decide(fd, true);
    /* Less than asked for is right at any time, and one message needs no limit. */
    if (msgs && is_apart(fd, flags))
        return receive_messages_apart(fd, msgs, timeout && n > 1 ? 1 : n, flags);
    got = (int)mps_ended(fd, mps_next.recvmmsg(fd, msgs, n, flags, timeout));
    for (int i = 0; i < got; i++)
        without_name(fd, msgs[i].msg_hdr.msg_name, &msgs[i].msg_hdr.msg_namelen);
    return got;
}
