/* SPDX-License-Identifier: MIT */
/* The verbs of the public API that make and adopt sockets. */
#include <errno.h>
#include <netinet/in.h>
#include <time.h>
#include "handover.h"
#include "handover/exchange.h"
#include "handover/marks.h"
#include "handover/sys.h"
#include "inspect.h"
#include "options.h"

#define SOCKET_FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

/* How long a blocking connect waits for the answer of a peer that must have the shim. */
#define ANSWER_WAIT_MS 10000

static int set_one(int fd, int level, int name)
{
    int on = 1;

    return mps_sys_setsockopt(fd, level, name, &on, sizeof(on)) < 0 ? -errno : 0;
}

static int open_socket(const struct sockaddr *addr, socklen_t len, int flags)
{
    int fd;

    if (flags & ~SOCKET_FLAGS)
        return -EINVAL;
    if (addr == NULL || len < sizeof(addr->sa_family))
        return -EINVAL;
    if (addr->sa_family != AF_INET && addr->sa_family != AF_INET6)
        return -EAFNOSUPPORT;
    fd = mps_sys_socket(addr->sa_family, SOCK_STREAM | flags, IPPROTO_TCP);
    return fd < 0 ? -errno : fd;
}

/* A client with a list of addresses starts from the first one that can reach the destination. */
static int bind_first_local(int fd, int family, const struct mptcpshim_options *opts)
{
    struct sockaddr_storage ss;
    size_t i = 0;

    while (i < opts->n_local && opts->local[i].ss_family != family)
        i++;
    if (i == opts->n_local)
        return 0;
    ss = opts->local[i];
    if (family == AF_INET)
        ((struct sockaddr_in *)&ss)->sin_port = 0;
    else
        ((struct sockaddr_in6 *)&ss)->sin6_port = 0;
    (void)set_one(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    return mps_sys_bind(fd, &ss, mps_ho_sockaddr_len(&ss)) < 0 ? -errno : 0;
}

/* A connected (or, if non-blocking, connecting) TCP socket, marked unless MPTCPSHIM_OFF. */
static int connect_tcp(const struct sockaddr *addr, socklen_t len, int flags,
                       const struct mptcpshim_options *opts)
{
    struct mps_marks_buffer buffer = {0};
    int fd = open_socket(addr, len, flags);
    int r;

    if (fd < 0)
        return fd;
    r = bind_first_local(fd, addr->sa_family, opts);
    if (r == 0 && !(opts->flags & MPTCPSHIM_OFF))
        r = mps_marks_prepare_connect(fd, &buffer);
    if (r >= 0)
        r = mps_sys_connect(fd, addr, len) < 0 ? -errno : 0;
    mps_marks_put_back(fd, &buffer);
    if (r == 0 || (r == -EINPROGRESS && flags & SOCK_NONBLOCK))
        return fd;
    mps_sys_close(fd);
    return r;
}

/* Whether the peer has answered as a shim: 1, 0, or a negative errno value. */
static int wait_for_answer(int fd)
{
    struct timespec pause = {.tv_nsec = 1000000};
    struct mptcpshim_stats stats;
    long waited_ms = 0;
    int r;

    for (;;) {
        r = api_stats(fd, &stats);
        if (r < 0)
            return r;
        if (stats.state != MPTCPSHIM_OPENING)
            return stats.state != MPTCPSHIM_PLAIN;
        if (waited_ms >= ANSWER_WAIT_MS)
            return 0;
        nanosleep(&pause, NULL);
        waited_ms += pause.tv_nsec / 1000000;
        if (pause.tv_nsec < 32000000)
            pause.tv_nsec *= 2;
    }
}

static int connect_blocking(const struct sockaddr *addr, socklen_t len, int flags,
                            struct mptcpshim_options *opts)
{
    int fd = connect_tcp(addr, len, flags, opts);
    int r;

    if (fd < 0)
        return fd;
    r = api_adopt_client(fd, true, opts);
    if (r == 1 && opts->flags & MPTCPSHIM_REQUIRED)
        r = wait_for_answer(fd);
    if (r == 1 || (r == 0 && !(opts->flags & MPTCPSHIM_REQUIRED)))
        return fd;
    mps_sys_close(fd);
    if (r == -ECONNRESET && !(opts->flags & (MPTCPSHIM_REQUIRED | MPTCPSHIM_OFF))) {
        opts->flags |= MPTCPSHIM_OFF; /* the agent failed half-way; nothing was sent yet */
        return connect_blocking(addr, len, flags, opts);
    }
    return r == 0 ? -EPROTONOSUPPORT : r;
}

int mptcpshim_connect(const struct sockaddr *addr, socklen_t len, int flags,
                      const struct mptcpshim_options *opts)
{
    struct mptcpshim_options copy;
    int saved = errno;
    int r = api_options_get(opts, &copy);

    if (r == 0)
        r = flags & SOCK_NONBLOCK ? connect_tcp(addr, len, flags, &copy)
                                  : connect_blocking(addr, len, flags, &copy);
    errno = saved;
    return api_return(r);
}

/* The agent leaves a port with the last listener at it, but only finds out a little later. */
static int bind_listener(int fd, const struct sockaddr *addr, socklen_t len)
{
    if (mps_sys_bind(fd, addr, len) == 0)
        return 0;
    if (errno != EADDRINUSE || !api_port_was_left(addr, len))
        return -errno;
    return mps_sys_bind(fd, addr, len) < 0 ? -errno : 0;
}

static int listen_tcp(const struct sockaddr *addr, socklen_t len, int backlog, int flags,
                      const struct mptcpshim_options *opts)
{
    int fd = open_socket(addr, len, flags);
    int r;

    if (fd < 0)
        return fd;
    r = set_one(fd, SOL_SOCKET, SO_REUSEADDR);
    if (r == 0)
        r = bind_listener(fd, addr, len);
    if (r == 0 && !(opts->flags & MPTCPSHIM_OFF))
        r = api_prepare_listener(fd);
    if (r == 0 && mps_sys_listen(fd, backlog) < 0)
        r = -errno;
    if (r == 0)
        r = api_adopt_listener(fd, opts);
    if (r == 0 && opts->flags & MPTCPSHIM_REQUIRED)
        r = -EPROTONOSUPPORT;
    if (r >= 0)
        return fd;
    mps_sys_close(fd);
    return r;
}

int mptcpshim_listen(const struct sockaddr *addr, socklen_t len, int backlog, int flags,
                     const struct mptcpshim_options *opts)
{
    struct mptcpshim_options copy;
    int saved = errno;
    int r = api_options_get(opts, &copy);

    if (r == 0)
        r = listen_tcp(addr, len, backlog, flags, &copy);
    errno = saved;
    return api_return(r);
}

/* A peer that cannot be served as multipath or as plain TCP is reset, and the next one taken. */
static int accept_any(int listener, struct sockaddr *addr, socklen_t *len, int flags,
                      const struct mptcpshim_options *opts)
{
    socklen_t room = len != NULL ? *len : 0;
    int fd, r;

    if (flags & ~SOCKET_FLAGS)
        return -EINVAL;
    for (;;) {
        if (len != NULL)
            *len = room;
        fd = mps_sys_accept4(listener, addr, len, flags);
        if (fd < 0)
            return -errno;
        r = api_adopt_server(fd, listener, opts);
        if (r == 1 || (r == 0 && !(opts->flags & MPTCPSHIM_REQUIRED)))
            return fd;
        mps_exchange_reset(fd);
        mps_sys_close(fd);
        if (r == -EINVAL)
            return r;
    }
}

int mptcpshim_accept(int listener, struct sockaddr *addr, socklen_t *len, int flags,
                     const struct mptcpshim_options *opts)
{
    struct mptcpshim_options copy;
    int saved = errno;
    int r = api_options_get(opts, &copy);

    if (r == 0)
        r = accept_any(listener, addr, len, flags, &copy);
    errno = saved;
    return api_return(r);
}

int mptcpshim_prepare(int fd, int role, const struct mptcpshim_options *opts)
{
    struct mptcpshim_options copy;
    int r = api_options_get(opts, &copy);

    if (role != MPTCPSHIM_CLIENT && role != MPTCPSHIM_LISTENER)
        return api_return(-EINVAL);
    if (r < 0 || copy.flags & MPTCPSHIM_OFF)
        return api_return(r);
    if (role == MPTCPSHIM_CLIENT)
        return api_return(mps_marks_prepare_connect(fd, NULL) < 0 ? -EINVAL : 0);
    return api_return(api_prepare_listener(fd));
}

int mptcpshim_adopt(int fd, int role, const struct mptcpshim_options *opts)
{
    struct mptcpshim_options copy;
    int saved = errno;
    int r = api_options_get(opts, &copy);

    if (r < 0)
        return api_return(r);
    switch (role) {
    case MPTCPSHIM_CLIENT:
        r = api_adopt_client(fd, false, &copy);
        break;
    case MPTCPSHIM_SERVER:
        r = api_adopt_server(fd, -1, &copy);
        break;
    case MPTCPSHIM_LISTENER:
        r = api_adopt_listener(fd, &copy);
        break;
    default:
        r = -EINVAL;
    }
    if (r == 0 && copy.flags & MPTCPSHIM_REQUIRED)
        r = -EPROTONOSUPPORT;
    errno = saved;
    return api_return(r);
}
