/* SPDX-License-Identifier: MIT */
/*
 * getsockopt() and setsockopt(): the system call first, and where that refuses a level of TCP's, or
 * would do something else than TCP, what handover/sockopt.h says, if it is a connection of ours.
 */
#include "interpose/preload.h"
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include "handover/ask.h"
#include "handover/binding.h"
#include "handover/sockopt.h"
#include "interpose/ended.h"
#include "interpose/inq.h"
#include "interpose/mptcp.h"

/* An AF_UNIX socket refuses the levels of TCP and IP with one of these. */
static bool is_refused(int error)
{
    return error == EOPNOTSUPP || error == ENOPROTOOPT;
}

/* As a system call returns; without a reply the native answer stays, which is `rc` and errno. */
static int answer(int r, int rc)
{
    if (r == MPS_HO_NO_REPLY)
        return rc;
    if (r >= 0)
        return r;
    errno = -r;
    return -1;
}

static int get_inq(int fd, void *value, socklen_t *len)
{
    const int wanted = mps_inq_get(fd);

    *len = *len < sizeof(wanted) ? *len : sizeof(wanted);
    memcpy(value, &wanted, *len);
    return 0;
}

static int set_inq(int fd, const void *value, socklen_t len)
{
    int wanted;

    errno = EINVAL;
    if (!value || len < sizeof(wanted))
        return -1;
    memcpy(&wanted, value, sizeof(wanted));
    return mps_inq_set(fd, wanted) ? 0 : -1;
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
static void get_send_buffer(int fd, void *value, socklen_t *len)
{
    struct mps_ho_conn_name name;
    struct mps_ho_conn conn;

    if (mps_preload_conn(fd, &name, &conn))
        (void)mps_ho_ask_getopt(&conn, SOL_SOCKET, SO_SNDBUF, value, len);
}

MPS_EXPORT int getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
    socklen_t room = len ? *len : 0;
    struct mps_ho_conn_name name;
    struct mps_ho_conn conn;
    int rc;

    mps_decide(fd, false);
    if (mps_sockopt_get_differs(level, option) && mps_preload_conn(fd, &name, &conn))
        return answer(mps_sockopt_get(&conn, level, option, value, len), -1);
    rc = mps_next.getsockopt(fd, level, option, value, len);
    if (rc < 0) {
        if (level == SOL_SOCKET || !is_refused(errno) || !mps_preload_conn(fd, &name, &conn))
            return rc;
        if (len)
            *len = room;
        if (level == IPPROTO_TCP && option == TCP_INQ && value && len)
            return get_inq(fd, value, len);
        return answer(mps_sockopt_get(&conn, level, option, value, len), rc);
    }
    if (level == SOL_SOCKET && (option == SO_DOMAIN || option == SO_PROTOCOL))
        correct(fd, option, value, len);
    if (option == SO_REUSEPORT || option == TCP_SAVE_SYN)
        hide_own(fd, level, option, value, len);
    if (level == SOL_SOCKET && option == SO_ERROR)
        get_error(fd, value, len);
    if (level == SOL_SOCKET && option == SO_SNDBUF && *len == sizeof(int))
        get_send_buffer(fd, value, len);
    return rc;
}

MPS_EXPORT int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    const unsigned binding = mps_binding_is_on(value, len) ? mps_binding_of(level, option) : 0;
    struct mps_ho_conn_name name;
    struct mps_ho_conn conn;
    int rc;

    if (mps_sockopt_set_differs(level, option) && mps_preload_conn(fd, &name, &conn))
        return answer(mps_sockopt_set(&conn, level, option, value, len), -1);
    if (level == IPPROTO_TCP && option == TCP_FASTOPEN_CONNECT)
        note_fast_open(fd);
    rc = mps_next.setsockopt(fd, level, option, value, len);
    if (rc < 0) {
        if (level == SOL_SOCKET || !is_refused(errno) || !mps_preload_conn(fd, &name, &conn))
            return rc;
        if (level == IPPROTO_TCP && option == TCP_INQ)
            return set_inq(fd, value, len);
        return answer(mps_sockopt_set(&conn, level, option, value, len), rc);
    }
    show_own(fd, level, option);
    if (binding & MPS_BINDING_STAYS) {
        mps_pending_keep(fd);
        mps_listen_unmark(fd);
    }
    return rc;
}
