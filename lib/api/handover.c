/* SPDX-License-Identifier: MIT */
#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <string.h>
#include "agent.h"
#include "handover/carry.h"
#include "handover/epolls.h"
#include "handover/marks.h"
#include "handover/share.h"
#include "handover/sys.h"
#include "options.h"

int api_return(int result)
{
    if (result >= 0)
        return result;
    errno = -result;
    return -1;
}

int api_conn_name(int fd, struct mps_ho_conn_name *ret)
{
    struct sockaddr_un un;
    socklen_t len = sizeof(un);
    int saved = errno;

    memset(&un, 0, sizeof(un));
    if (mps_sys_getsockname(fd, &un, &len) < 0) {
        int error = errno;

        errno = saved;
        return -error;
    }
    return len <= sizeof(un) && mps_ho_conn_name_parse(&un, len, ret) ? 1 : 0;
}

void api_reset(int fd)
{
    struct sockaddr sa = {.sa_family = AF_UNSPEC};
    int saved = errno;

    (void)mps_sys_connect(fd, &sa, sizeof(sa));
    errno = saved;
}

/*
 * Put `end` under the number of `fd`, with what the program had set on it and, if `registered`, where it
 * has registered it with epoll. Closes `end`.
 */
static int replace(int fd, int end, const struct mps_carry *carry, bool registered)
{
    struct mps_epolls registrations = {.n = 0};
    int flags = mps_sys_fcntl(fd, F_GETFD, 0);
    int r = -1;

    if (flags >= 0) {
        mps_carry_give(carry, end);
        if (registered)
            mps_epolls_take_all(&registrations, fd);
        r = mps_sys_dup3(end, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
    }
    r = r < 0 ? -errno : 0;
    mps_epolls_put(&registrations, fd);
    mps_sys_close(end);
    return r;
}

static int fill_request(struct mps_ho_request *req, int fd, int op,
                        const struct mptcpshim_options *opts)
{
    socklen_t local_len = sizeof(req->local), peer_len = sizeof(req->peer);
    int status = mps_sys_fcntl(fd, F_GETFL, 0);
    int len;

    memset(req, 0, sizeof(*req));
    req->op = (uint16_t)op;
    if (status < 0 || mps_sys_getsockname(fd, &req->local, &local_len) < 0)
        return -errno;
    if (op != MPS_HO_LISTEN && mps_sys_getpeername(fd, &req->peer, &peer_len) < 0)
        return -errno;
    if (status & O_NONBLOCK)
        req->flags |= MPS_HO_NONBLOCK;
    len = api_options_words(opts, (char *)req->data, sizeof(req->data));
    if (len < 0)
        return len;
    req->len = (uint32_t)len;
    return 0;
}

/*
 * 1: `fd` is the application's end now; 0: it is plain TCP as before; -EINVAL: as before, and the
 * options are too long; -ECONNRESET: the agent may have written to the connection, it is lost.
 */
static int hand_over(int fd, int op, const struct mptcpshim_options *opts)
{
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    struct mps_carry carry;
    int end = -1;
    int r = fill_request(&req, fd, op, opts);

    if (r < 0)
        return r == -EINVAL ? r : 0;
    mps_carry_take(&carry, fd);
    switch (api_agent_call(NULL, &req, fd, &reply, &end)) {
    case MPS_HO_UNSENT:
    case MPS_HO_WITHDRAWN:
        return 0;
    case MPS_HO_LOST:
        return mps_marks_untouched(fd) ? 0 : -ECONNRESET;
    case MPS_HO_GARBLED:
        return -ECONNRESET;
    case MPS_HO_REPLIED:
        break;
    }
    if (mps_ho_taken(&reply) && end >= 0)
        return replace(fd, end, &carry, op == MPS_HO_CONNECTED) < 0 ? -ECONNRESET : 1;
    if (end >= 0)
        mps_sys_close(end);
    return mps_ho_taken(&reply) ? -ECONNRESET : 0;
}

/* The state of a TCP socket as TCP_INFO gives it; -EPROTOTYPE for any other socket. */
static int tcp_state(int fd)
{
    struct tcp_info info;
    int protocol = 0;
    socklen_t len = sizeof(protocol);

    if (mps_sys_getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0)
        return -errno;
    len = sizeof(info);
    if (protocol != IPPROTO_TCP || mps_sys_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return -EPROTOTYPE;
    return info.tcpi_state;
}

int api_adopt_client(int fd, const struct mptcpshim_options *opts)
{
    struct mps_ho_conn_name name;
    int r = api_conn_name(fd, &name);
    int error = 0;
    socklen_t len = sizeof(error);

    if (r != 0)
        return r;
    r = tcp_state(fd);
    if (r < 0)
        return r;
    if (mps_sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    if (error != 0)
        return -error;
    if (r == TCP_SYN_SENT)
        return -EINPROGRESS;
    if (opts->flags & MPTCPSHIM_OFF || !mps_marks_synack_is(fd, MPS_MARK_LISTEN) ||
        !mps_marks_untouched(fd))
        return 0;
    return hand_over(fd, MPS_HO_CONNECTED, opts);
}

int api_adopt_server(int fd, const struct mptcpshim_options *opts)
{
    struct mps_ho_conn_name name;
    int r = api_conn_name(fd, &name);

    if (r != 0)
        return r;
    r = tcp_state(fd);
    if (r < 0)
        return r;
    switch (mps_marks_accepted(fd)) {
    case MPS_MARK_JOIN: /* meant for the agent: its sender closes it, too, without sending */
        api_reset(fd);
        return -ECONNABORTED;
    case MPS_MARK_CONNECT:
        break;
    default:
        return 0;
    }
    /* The peer has seen our mark and sends HELLO: plain TCP would show that to the program. */
    r = opts->flags & MPTCPSHIM_OFF ? 0 : hand_over(fd, MPS_HO_ACCEPTED, opts);
    if (r == 1 || r == -EINVAL)
        return r;
    api_reset(fd);
    return -ECONNRESET;
}

/*
 * Listeners whose port this library made shareable, by SO_COOKIE, which the kernel never uses
 * twice. One that has been forgotten takes joins at another port.
 */
static _Atomic uint64_t shared[64];
static atomic_uint shared_next;

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    return mps_sys_getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0 ? 0 : cookie;
}

static bool is_shared_by_us(int fd)
{
    uint64_t cookie = cookie_of(fd);

    for (unsigned i = 0; cookie != 0 && i < sizeof(shared) / sizeof(shared[0]); i++) {
        if (shared[i] == cookie)
            return true;
    }
    return false;
}

int api_prepare_listener(int fd)
{
    unsigned slot;

    if (!api_agent_available())
        return 0;
    if (mps_share_begin(fd) > 0) {
        slot = atomic_fetch_add(&shared_next, 1) % (sizeof(shared) / sizeof(shared[0]));
        shared[slot] = cookie_of(fd);
    }
    return mps_marks_prepare_listen(fd);
}

int api_adopt_listener(int fd, const struct mptcpshim_options *opts)
{
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    int none = -1, unset = 0;
    int r = tcp_state(fd);

    if (r < 0)
        return r;
    if (r != TCP_LISTEN)
        return -EINVAL;
    if (opts->flags & MPTCPSHIM_OFF || !api_agent_available())
        return 0;
    r = fill_request(&req, fd, MPS_HO_LISTEN, opts);
    if (r < 0)
        return r;
    if (is_shared_by_us(fd))
        req.flags |= MPS_HO_STEER;
    if (mps_marks_prepare_listen(fd) < 0)
        return 0;
    if (api_agent_call(NULL, &req, fd, &reply, &none) == MPS_HO_REPLIED) {
        if (none >= 0)
            mps_sys_close(none);
        if (reply.status == MPS_HO_OK)
            return 1;
    }
    /* Take the mark back. SYNs are still kept, for a peer that has seen it in the meantime. */
    (void)mps_sys_setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &unset, sizeof(unset));
    return 0;
}
