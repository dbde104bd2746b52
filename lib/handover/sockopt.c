/* SPDX-License-Identifier: MIT */
#include "sockopt.h"
#include <errno.h>
#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/auxv.h>
#include "binding.h"
#include "kernelinfo.h"
#include "liketcp.h"
#include "sndbuf.h"
#include "sys.h"

/* Levels that the agent answers for. */
static bool is_remote(const struct mps_ho_conn *conn, int level)
{
    /* The agent has IPv6 sockets for a connection that the program made over IPv4, too. */
    if (level == IPPROTO_IPV6)
        return conn->name->local.ss_family == AF_INET6;
    return level == IPPROTO_TCP || level == IPPROTO_IP;
}

/* Options of the program's own end that act on the subflows as well. */
static bool acts_on_subflows(int option)
{
    return option == SO_LINGER || option == SO_KEEPALIVE || option == SO_PRIORITY ||
           option == SO_MARK || option == SO_MAX_PACING_RATE;
}

static bool is_send_buffer(int option)
{
    return option == SO_SNDBUF || option == SO_SNDBUFFORCE;
}

bool mps_sockopt_set_differs(int level, int option)
{
    return level == SOL_SOCKET &&
           (!mps_liketcp_keeps(option) || is_send_buffer(option) || acts_on_subflows(option) ||
            mps_binding_of(level, option) & MPS_BINDING_REFUSED);
}

bool mps_sockopt_get_differs(int level, int option)
{
    return level == SOL_SOCKET && !mps_liketcp_keeps(option);
}

static int own_set(const struct mps_ho_conn *conn, int option, const void *value, socklen_t len)
{
    return mps_sys_setsockopt(conn->fd, SOL_SOCKET, option, value, len) == 0 ? 0 : -errno;
}

/* The program's own end is only a part of the send buffer, and needs some in any case. */
static int limit_own(const struct mps_ho_conn *conn, int wanted)
{
    int own = (int)mps_ho_sndbuf(wanted > 1 ? (size_t)wanted : 1, getauxval(AT_PAGESZ));

    return own_set(conn, SO_SNDBUF, &own, sizeof(own));
}

static int set_send_buffer(const struct mps_ho_conn *conn, const void *value, socklen_t len)
{
    int wanted, r;

    if (len < sizeof(wanted))
        return -EINVAL;
    memcpy(&wanted, value, sizeof(wanted));
    r = limit_own(conn, wanted);
    if (r == 0)
        (void)mps_ho_ask_setopt(conn, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted));
    return r;
}

static int set_own(const struct mps_ho_conn *conn, int option, const void *value, socklen_t len)
{
    int r = own_set(conn, option, value, len);

    if (r == 0 && acts_on_subflows(option)) {
        int asked = mps_ho_ask_setopt(conn, SOL_SOCKET, option, value, len);

        /* The own end has them in any case; but without a mark packets go the wrong way. */
        if (option == SO_MARK && asked == -EPERM)
            return asked;
    }
    return r;
}

/* With the privileges of the program: the option may be about the whole host. */
static int set_elsewhere(const struct mps_ho_conn *conn, int level, int option, const void *value,
                         socklen_t len)
{
    return mps_liketcp_set(conn->name, conn->fd, level, option, value, len) == 0 ? 0 : -errno;
}

static int get_elsewhere(const struct mps_ho_conn *conn, int level, int option, void *value,
                         socklen_t *len)
{
    return mps_liketcp_get(conn->name, conn->fd, level, option, value, len) == 0 ? 0 : -errno;
}

static int set_by_agent(const struct mps_ho_conn *conn, int level, int option, const void *value,
                        socklen_t len)
{
    int r = mps_ho_ask_setopt(conn, level, option, value, len);

    if (r == MPS_HO_NOT_ITS)
        return set_elsewhere(conn, level, option, value, len);
    /* Who wants few bytes unsent wants few in its own end. */
    if (r == 0 && level == IPPROTO_TCP && option == TCP_NOTSENT_LOWAT)
        (void)limit_own(conn, 1);
    return r;
}

static int set(const struct mps_ho_conn *conn, int level, int option, const void *value,
               socklen_t len)
{
    if (!value && len > 0)
        return -EFAULT;
    if (level != SOL_SOCKET && is_remote(conn, level))
        return set_by_agent(conn, level, option, value, len);
    if (level != SOL_SOCKET || !mps_liketcp_keeps(option))
        return set_elsewhere(conn, level, option, value, len);
    if (mps_binding_of(level, option) & MPS_BINDING_REFUSED && mps_binding_is_on(value, len))
        return -ENOPROTOOPT;
    return is_send_buffer(option) ? set_send_buffer(conn, value, len)
                                  : set_own(conn, option, value, len);
}

int mps_sockopt_set(const struct mps_ho_conn *conn, int level, int option, const void *value,
                    socklen_t len)
{
    int saved = errno, r = set(conn, level, option, value, len);

    errno = saved;
    return r;
}

static int get_own(const struct mps_ho_conn *conn, int option, void *value, socklen_t *len)
{
    const bool is_int = *len >= sizeof(int);
    int error;

    if (mps_sys_getsockopt(conn->fd, SOL_SOCKET, option, value, len) != 0)
        return -errno;
    if (!is_int)
        return 0;
    /* What the program asked for; its own end's, if it never did. */
    if (option == SO_SNDBUF)
        (void)mps_ho_ask_getopt(conn, SOL_SOCKET, SO_SNDBUF, value, len);
    if (option == SO_ERROR) {
        memcpy(&error, value, sizeof(error));
        if (error == ECONNRESET)
            error = mps_ho_ask_error(conn);
        memcpy(value, &error, sizeof(error));
    }
    return 0;
}

static int get_int(int number, void *value, socklen_t *len)
{
    if (*len > sizeof(number))
        *len = sizeof(number);
    memcpy(value, &number, *len);
    return 0;
}

static int get(const struct mps_ho_conn *conn, int level, int option, void *value, socklen_t *len)
{
    if (!value || !len)
        return -EFAULT;
    if (*len > INT_MAX) /* the kernel reads it as a negative number */
        return -EINVAL;
    if (level == SOL_MPTCP)
        return mps_kernelinfo_get(conn, option, value, len);
    if (level != SOL_SOCKET && is_remote(conn, level)) {
        int r = mps_ho_ask_getopt(conn, level, option, value, len);

        if (r != MPS_HO_NOT_ITS)
            return r;
        return get_elsewhere(conn, level, option, value, len);
    }
    if (level != SOL_SOCKET || !mps_liketcp_keeps(option))
        return get_elsewhere(conn, level, option, value, len);
    if (option == SO_DOMAIN)
        return get_int(conn->name->local.ss_family, value, len);
    if (option == SO_PROTOCOL)
        return get_int(IPPROTO_TCP, value, len);
    return get_own(conn, option, value, len);
}

int mps_sockopt_get(const struct mps_ho_conn *conn, int level, int option, void *value,
                    socklen_t *len)
{
    int saved = errno, r = get(conn, level, option, value, len);

    errno = saved;
    return r;
}
