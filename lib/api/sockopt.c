/* SPDX-License-Identifier: MIT */
/* Socket options of the connection rather than of the descriptor. */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include "agent.h"
#include "handover.h"
#include "handover/binding.h"
#include "handover/sys.h"

#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif

/* Levels that the agent answers for. */
static bool is_remote(int level)
{
    return level == IPPROTO_TCP || level == IPPROTO_IP || level == IPPROTO_IPV6 ||
           level == SOL_MPTCP;
}

/* Who is at the other end of an AF_UNIX socket is the agent: nobody the program should know. */
static bool is_of_unix(int level, int option)
{
    static const int options[] = {16 /* SO_PASSCRED */,   17 /* SO_PEERCRED */,
                                  31 /* SO_PEERSEC */,    34 /* SO_PASSSEC */,
                                  59 /* SO_PEERGROUPS */, 76 /* SO_PASSPIDFD */,
                                  77 /* SO_PEERPIDFD */,  83 /* SO_PASSRIGHTS */};

    for (size_t i = 0; level == SOL_SOCKET && i < sizeof(options) / sizeof(options[0]); i++) {
        if (options[i] == option)
            return true;
    }
    return false;
}

/* Options of the program's own end that act on the subflows as well. */
static bool acts_on_subflows(int level, int option)
{
    return level == SOL_SOCKET && (option == SO_LINGER || option == SO_KEEPALIVE ||
                                   option == SO_PRIORITY || option == SO_MARK);
}

/* One question about the connection; 0 and *ret, or a negative errno value. */
static int ask(const struct mps_ho_conn_name *name, struct mps_ho_request *req,
               struct mps_ho_reply *ret)
{
    int extra = -1;

    req->conn_id = name->conn_id;
    if (api_agent_call(name->agent_id, req, -1, ret, &extra) != MPS_HO_REPLIED)
        return -ENOTCONN;
    if (extra >= 0)
        mps_sys_close(extra);
    if (ret->status == MPS_HO_OK)
        return 0;
    return ret->error > 0 ? -ret->error : -ENOPROTOOPT;
}

static int set_remote(const struct mps_ho_conn_name *name, int level, int option, const void *value,
                      socklen_t len)
{
    struct mps_ho_request req;
    struct mps_ho_reply reply;

    if (len > MPS_HO_DATA_MAX)
        return -EINVAL;
    memset(&req, 0, sizeof(req));
    req.op = MPS_HO_SETOPT;
    req.level = level;
    req.name = option;
    req.len = len;
    if (len > 0)
        memcpy(req.data, value, len);
    return ask(name, &req, &reply);
}

static int get_remote(const struct mps_ho_conn_name *name, int level, int option, void *value,
                      socklen_t *len)
{
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    int r;

    memset(&req, 0, sizeof(req));
    req.op = MPS_HO_GETOPT;
    req.level = level;
    req.name = option;
    req.len = *len < MPS_HO_DATA_MAX ? *len : MPS_HO_DATA_MAX;
    r = ask(name, &req, &reply);
    if (r < 0)
        return r;
    if (reply.len < *len)
        *len = reply.len;
    memcpy(value, reply.data, *len);
    return 0;
}

/*
 * The agent leaves the last byte of what the program wrote in the queue, and with it a piece of up
 * to 90 KiB: a send buffer that is too small would never become writable again, so it only grows.
 */
static bool would_shrink(int fd, int level, int option, const void *value, socklen_t len)
{
    int wanted, have = 0;
    socklen_t have_len = sizeof(have);

    if (level != SOL_SOCKET || option != SO_SNDBUF || len < sizeof(wanted))
        return false;
    memcpy(&wanted, value, sizeof(wanted));
    return mps_sys_getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &have, &have_len) == 0 &&
           wanted < have / 2;
}

static int set_option(int fd, int level, int option, const void *value, socklen_t len)
{
    struct mps_ho_conn_name name;

    if (api_conn_name(fd, &name) != 1)
        return mps_sys_setsockopt(fd, level, option, value, len) < 0 ? -errno : 0;
    if (!value && len > 0)
        return -EFAULT;
    if (is_of_unix(level, option) ||
        (mps_binding_of(level, option) & MPS_BINDING_REFUSED && mps_binding_is_on(value, len)))
        return -ENOPROTOOPT;
    if (is_remote(level))
        return set_remote(&name, level, option, value, len);
    if (would_shrink(fd, level, option, value, len))
        return 0;
    if (mps_sys_setsockopt(fd, level, option, value, len) < 0)
        return -errno;
    return acts_on_subflows(level, option) ? set_remote(&name, level, option, value, len) : 0;
}

int mptcpshim_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    int saved = errno;
    int r = set_option(fd, level, option, value, len);

    errno = saved;
    return api_return(r);
}

static int get_int(int number, void *value, socklen_t *len)
{
    if (*len > sizeof(number))
        *len = sizeof(number);
    memcpy(value, &number, *len);
    return 0;
}

static int get_option(int fd, int level, int option, void *value, socklen_t *len)
{
    struct mps_ho_conn_name name;

    if (api_conn_name(fd, &name) != 1)
        return mps_sys_getsockopt(fd, level, option, value, len) < 0 ? -errno : 0;
    if (!value || !len)
        return -EFAULT;
    if (is_of_unix(level, option))
        return -ENOPROTOOPT;
    if (is_remote(level))
        return get_remote(&name, level, option, value, len);
    if (level == SOL_SOCKET && option == SO_DOMAIN)
        return get_int(name.local.ss_family, value, len);
    if (level == SOL_SOCKET && option == SO_PROTOCOL)
        return get_int(IPPROTO_TCP, value, len);
    return mps_sys_getsockopt(fd, level, option, value, len) < 0 ? -errno : 0;
}

int mptcpshim_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
    int saved = errno;
    int r = get_option(fd, level, option, value, len);

    errno = saved;
    return api_return(r);
}
