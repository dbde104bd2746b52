/* SPDX-License-Identifier: MIT */
#include "interpose/preload.h"
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/auxv.h>
#include "interpose/ended.h"
#include "handover/binding.h"
#include "handover/client.h"
#include "handover/sndbuf.h"
#include "handover/sys.h"
#include "interpose/inq.h"
#include "interpose/liketcp.h"
#include "interpose/mptcp.h"

#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif

/* Levels that the agent knows about. */
static bool is_remote(int level)
{
    return level == IPPROTO_TCP || level == IPPROTO_IP || level == IPPROTO_IPV6 ||
           level == SOL_MPTCP;
}

/* An AF_UNIX socket refuses the levels of TCP and IP with one of these. */
static bool is_refused(int error)
{
    return error == EOPNOTSUPP || error == ENOPROTOOPT;
}

/* preload.h */
bool mps_preload_ask(int fd, struct mps_ho_request *req, struct mps_ho_reply *ret_reply)
{
    const struct mps_ho_config *config = mps_preload_config();
    struct mps_ho_conn_name name;
    enum mps_ho_result result;
    int extra = -1;

    if (!config || !mps_preload_is_ours(fd, &name))
        return false;
    req->conn_id = name.conn_id;
    req->flags = mps_preload_no_wait(fd);
    result = mps_ho_call(config, name.agent_id, req, -1, false, ret_reply, &extra);
    if (extra >= 0)
        mps_sys_close(extra);
    return result == MPS_HO_REPLIED;
}

/* The native call has failed with errno. */
static int get_inq(int fd, void *value, socklen_t *len, socklen_t room)
{
    struct mps_ho_conn_name name;
    const int wanted = mps_inq_get(fd);

    if (!mps_preload_is_ours(fd, &name))
        return -1;
    *len = room < sizeof(wanted) ? room : sizeof(wanted);
    memcpy(value, &wanted, *len);
    return 0;
}

/* The native call has failed with errno. */
static int set_inq(int fd, const void *value, socklen_t len)
{
    struct mps_ho_conn_name name;
    int wanted;

    if (!mps_preload_is_ours(fd, &name))
        return -1;
    errno = EINVAL;
    if (!value || len < sizeof(wanted))
        return -1;
    memcpy(&wanted, value, sizeof(wanted));
    return mps_inq_set(fd, wanted) ? 0 : -1;
}

/* The native call has failed with errno. */
static int get_remote(int fd, int level, int option, void *value, socklen_t *len, socklen_t room)
{
    struct mps_ho_request req;
    struct mps_ho_reply reply;

    if (level == IPPROTO_TCP && option == TCP_INQ)
        return get_inq(fd, value, len, room);
    memset(&req, 0, sizeof(req));
    req.op = MPS_HO_GETOPT;
    req.level = level;
    req.name = option;
    req.len = room < MPS_HO_DATA_MAX ? room : MPS_HO_DATA_MAX;
    if (!mps_preload_ask(fd, &req, &reply))
        return -1;
    if (reply.status != MPS_HO_OK) {
        errno = reply.error > 0 ? reply.error : ENOPROTOOPT;
        return -1;
    }
    if (reply.len < room)
        room = reply.len;
    memcpy(value, reply.data, room);
    *len = room;
    return 0;
}

/* The native call has failed with errno. */
static int set_remote(int fd, int level, int option, const void *value, socklen_t len)
{
    struct mps_ho_request req;
    struct mps_ho_reply reply;

    if (level == IPPROTO_TCP && option == TCP_INQ)
        return set_inq(fd, value, len);
    if (len > MPS_HO_DATA_MAX || (len > 0 && !value))
        return -1;
    memset(&req, 0, sizeof(req));
    req.op = MPS_HO_SETOPT;
    req.level = level;
    req.name = option;
    req.len = len;
    if (len > 0)
        memcpy(req.data, value, len);
    if (!mps_preload_ask(fd, &req, &reply))
        return -1;
    if (reply.status == MPS_HO_OK)
        return 0;
    errno = reply.error > 0 ? reply.error : ENOPROTOOPT;
    return -1;
}

/* What the kernel says about an AF_UNIX socket that the program knows as TCP, or as MPTCP. */
static void correct(int fd, int option, void *value, const socklen_t *len)
{
    struct mps_ho_conn_name name;
    int got;

    if (*len != sizeof(got))
        return;
    memcpy(&got, value, sizeof(got));
    if (option == SO_PROTOCOL && got == IPPROTO_TCP)
        got = mps_mptcp_protocol(fd, false);
    else if (option == SO_DOMAIN ? got != AF_UNIX : got != 0)
        return;
    else if (!mps_preload_is_ours(fd, &name))
        return;
    else
        got = option == SO_DOMAIN ? name.local.ss_family : mps_mptcp_protocol(fd, true);
    memcpy(value, &got, sizeof(got));
}

/* What listen() set for the agent's sake is not the program's, nor is what accept() inherited. */
static void hide_own(int fd, int level, int option, void *value, const socklen_t *len)
{
    struct mps_hint *hint = mps_hints_find(fd);
    const int off = 0;

    if (!hint || *len != sizeof(off))
        return;
    if ((level == SOL_SOCKET && option == SO_REUSEPORT &&
         atomic_load_explicit(&hint->own_reuseport, memory_order_relaxed)) ||
        (level == IPPROTO_TCP && option == TCP_SAVE_SYN &&
         atomic_load_explicit(&hint->own_save_syn, memory_order_relaxed)))
        memcpy(value, &off, sizeof(off));
}

/* The program has set one of these itself. */
static void show_own(int fd, int level, int option)
{
    struct mps_hint *hint = mps_hints_find(fd);

    if (hint && level == SOL_SOCKET && option == SO_REUSEPORT)
        atomic_store_explicit(&hint->own_reuseport, false, memory_order_relaxed);
    if (hint && level == IPPROTO_TCP && option == TCP_SAVE_SYN)
        atomic_store_explicit(&hint->own_save_syn, false, memory_order_relaxed);
}

/* connect() has to look at the option from now on. */
static void note_fast_open(int fd)
{
    struct mps_hint *hint = mps_hints_get(fd);

    if (hint)
        atomic_store_explicit(&hint->fast_open, true, memory_order_relaxed);
}

/* Options of the program's own end that act on the subflows as well. */
static bool acts_on_subflows(int fd, int option)
{
    return (option == SO_LINGER || option == SO_KEEPALIVE || option == SO_PRIORITY ||
            option == SO_MARK || option == SO_MAX_PACING_RATE) &&
           mps_preload_option(fd, SOL_SOCKET, SO_DOMAIN, AF_UNSPEC) == AF_UNIX;
}

/*
 * SO_SNDBUF of a connection of ours is the agent's to obey (true). The program's own end, which is
 * only a part of it, needs some in any case: *ret_own.
 */
static bool is_send_buffer(int fd, int option, const void *value, socklen_t len, int *ret_own)
{
    struct mps_ho_conn_name name;
    int wanted;

    if ((option != SO_SNDBUF && option != SO_SNDBUFFORCE) || len < sizeof(wanted) || !value ||
        !mps_preload_is_ours(fd, &name))
        return false;
    memcpy(&wanted, value, sizeof(wanted));
    *ret_own = (int)mps_ho_sndbuf(wanted > 1 ? (size_t)wanted : 1, getauxval(AT_PAGESZ));
    return true;
}

static int set_send_buffer(int fd, const void *value, int own)
{
    if (!mps_preload_set_option(fd, SOL_SOCKET, SO_SNDBUF, own))
        return -1;
    (void)set_remote(fd, SOL_SOCKET, SO_SNDBUF, value, sizeof(int));
    return 0;
}

/* The native call has failed with errno. */
static int set_by_agent(int fd, int level, int option, const void *value, socklen_t len)
{
    int rc = set_remote(fd, level, option, value, len);

    /* Who wants few bytes unsent wants few in its own end. */
    if (rc == 0 && level == IPPROTO_TCP && option == TCP_NOTSENT_LOWAT)
        (void)mps_preload_set_option(fd, SOL_SOCKET, SO_SNDBUF,
                                     (int)mps_ho_sndbuf(1, getauxval(AT_PAGESZ)));
    return rc;
}

/* A reset may be more than that. */
static void get_error(int fd, void *value, const socklen_t *len)
{
    int saved = errno, error;

    if (*len != sizeof(error))
        return;
    memcpy(&error, value, sizeof(error));
    if (error != ECONNRESET)
        return;
    error = mps_ended_error(fd);
    memcpy(value, &error, sizeof(error));
    errno = saved;
}

/* What the program asked for; the native answer stays if it never did. */
static void get_send_buffer(int fd, void *value, socklen_t *len, socklen_t room)
{
    int saved = errno;

    (void)get_remote(fd, SOL_SOCKET, SO_SNDBUF, value, len, room);
    errno = saved;
}

/* Is the option answered by any TCP socket, and fd ours? Not yet asked: the kernel. */
static bool is_like_tcp(int fd, int level, int option, struct mps_ho_conn_name *ret_name)
{
    return level == SOL_SOCKET && !mps_liketcp_keeps(option) && mps_preload_is_ours(fd, ret_name);
}

/* The same when the AF_UNIX socket has refused a level that is not its own; who is to answer? */
enum answer { ANSWER_AGENT, ANSWER_TCP, ANSWER_KERNEL };

static enum answer who_answers(int fd, int level, struct mps_ho_conn_name *ret_name)
{
    if (level == SOL_SOCKET || !is_refused(errno) || !mps_preload_is_ours(fd, ret_name))
        return ANSWER_KERNEL;
    /* The agent has IPv6 sockets for a connection that the program made over IPv4. */
    if (!is_remote(level) || (level == IPPROTO_IPV6 && ret_name->local.ss_family == AF_INET))
        return ANSWER_TCP;
    return ANSWER_AGENT;
}

MPS_EXPORT int getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
    const socklen_t room = len ? *len : 0;
    struct mps_ho_conn_name name;
    int rc;

    mps_settle(fd, false);
    if (is_like_tcp(fd, level, option, &name))
        return mps_liketcp_get(&name, fd, level, option, value, len);
    rc = mps_next.getsockopt(fd, level, option, value, len);
    if (rc < 0) {
        enum answer who = who_answers(fd, level, &name);

        if (who == ANSWER_AGENT && value && len)
            return get_remote(fd, level, option, value, len, room);
        return who == ANSWER_TCP ? mps_liketcp_get(&name, fd, level, option, value, len) : rc;
    }
    if (level == SOL_SOCKET && (option == SO_DOMAIN || option == SO_PROTOCOL))
        correct(fd, option, value, len);
    if (option == SO_REUSEPORT || option == TCP_SAVE_SYN)
        hide_own(fd, level, option, value, len);
    if (level == SOL_SOCKET && option == SO_ERROR)
        get_error(fd, value, len);
    if (level == SOL_SOCKET && option == SO_SNDBUF && *len == sizeof(int))
        get_send_buffer(fd, value, len, room);
    return rc;
}

/* Would an AF_UNIX socket accept what can only have a meaning for the one TCP connection? */
static bool refuses(int fd, int level, unsigned binding)
{
    struct mps_ho_conn_name name;

    if (!(binding & MPS_BINDING_REFUSED) || level != SOL_SOCKET || !mps_preload_is_ours(fd, &name))
        return false;
    errno = ENOPROTOOPT;
    return true;
}

MPS_EXPORT int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    const unsigned binding = mps_binding_is_on(value, len) ? mps_binding_of(level, option) : 0;
    struct mps_ho_conn_name name;
    int rc, saved, own;

    if (is_like_tcp(fd, level, option, &name))
        return mps_liketcp_set(&name, fd, level, option, value, len);
    if (refuses(fd, level, binding))
        return -1;
    if (level == SOL_SOCKET && is_send_buffer(fd, option, value, len, &own))
        return set_send_buffer(fd, value, own);
    if (level == IPPROTO_TCP && option == TCP_FASTOPEN_CONNECT)
        note_fast_open(fd);
    rc = mps_next.setsockopt(fd, level, option, value, len);
    saved = errno;
    if (rc < 0) {
        enum answer who = who_answers(fd, level, &name);

        if (who == ANSWER_AGENT)
            return set_by_agent(fd, level, option, value, len);
        return who == ANSWER_TCP ? mps_liketcp_set(&name, fd, level, option, value, len) : rc;
    }
    show_own(fd, level, option);
    if (binding & MPS_BINDING_STAYS) {
        mps_pending_keep(fd);
        mps_listen_unmark(fd);
    }
    if (level == SOL_SOCKET && acts_on_subflows(fd, option)) {
        /* The program's own end has them in any case. */
        (void)set_remote(fd, level, option, value, len);
        errno = saved;
    }
    return rc;
}
