/* SPDX-License-Identifier: MIT */
#include "connector.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/err.h"
#include "handover/marks.h"
#include "handover/message.h"
#include "engine/show/log.h"
#include "sock.h"
#include "engine/connection/sockopts.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

#define HEADERS_LEN     60 /* of IPv6 and TCP */
#define HEADERS_LEN_V4  40
#define TIMESTAMP_LEN   12
#define SYN_SENT        2 /* tcpi_state; <linux/tcp.h> has no name for it */
#define IPV6_PREFIX_LEN 8 /* bytes */

/* `room`: for a join, what the MTU leaves for a segment. */
static int open_socket(const struct mps_addr *local, uint32_t ifindex,
                       const struct mps_addr *remote, unsigned mark, unsigned room,
                       const struct mps_sockopts *opts)
{
    struct sockaddr_storage from, to;
    struct mps_addr source = *local;
    socklen_t from_len, to_len = mps_sock_from_addr(remote, &to);
    int fd, err;

    source.port = 0;
    from_len = mps_sock_from_addr(&source, &from);
    if (to_len == 0 || from_len != to_len) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    fd = mps_sock_tcp(remote->family);
    if (fd < 0)
        return -1;
    mps_sockopts_apply(opts, fd);
    if (mark != 0)
        mps_sock_subflow_timers(fd); /* for its SYN, too */
    /* The port is chosen at connect(), with the whole four-tuple known. */
    mps_sock_set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (ifindex != 0 && !mps_addr_is_loopback(local) &&
        !mps_sock_set_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)ifindex))
        mps_log("connector: SO_BINDTOIFINDEX: %s", strerror(errno));
    if (mark != 0 && mps_marks_prepare_join(fd, mark, room) != 0)
        mps_log("connector: a join without its mark");
    if (bind(fd, (struct sockaddr *)&from, from_len) < 0 ||
        (connect(fd, (struct sockaddr *)&to, to_len) < 0 && errno != EINPROGRESS)) {
        err = errno;
        close(fd);
        errno = err;
        return -1;
    }
    return fd;
}

/* No gateway in between? IPv4 sockets know SO_DONTROUTE; of IPv6 networks the prefix tells. */
static bool same_network(const struct mps_connector_path *path)
{
    return path->remote.family == MPS_AF_INET || mps_addr_is_loopback(&path->remote) ||
           memcmp(path->local.ip, path->remote.ip, IPV6_PREFIX_LEN) == 0;
}

/*
 * The MTU that the kernel knows of the path; 0: unknown, or with `near` a path that leaves the
 * network.
 */
static int mtu_of(const struct mps_connector_path *path, bool near)
{
    bool v6 = path->remote.family == MPS_AF_INET6;
    struct sockaddr_storage from, to;
    struct mps_addr source = path->local;
    socklen_t from_len, to_len = mps_sock_from_addr(&path->remote, &to);
    int fd, mtu = 0;

    source.port = 0;
    from_len = mps_sock_from_addr(&source, &from);
    fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    if ((path->ifindex == 0 || mps_addr_is_loopback(&path->local) ||
         mps_sock_set_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, (int)path->ifindex)) &&
        (!near || mps_sock_set_int(fd, SOL_SOCKET, SO_DONTROUTE, 1)) &&
        bind(fd, (struct sockaddr *)&from, from_len) == 0 &&
        connect(fd, (struct sockaddr *)&to, to_len) == 0)
        mtu = v6 ? mps_sock_get_int(fd, IPPROTO_IPV6, IPV6_MTU, 0)
                 : mps_sock_get_int(fd, IPPROTO_IP, IP_MTU, 0);
    close(fd);
    return mtu;
}

bool mps_connector_takes_large(const struct mps_connector_path *path)
{
    return path->local.family == path->remote.family && same_network(path) &&
           mtu_of(path, true) >= MPS_MARK_JOIN_LARGE + HEADERS_LEN;
}

static unsigned room_of(const struct mps_connector_path *path)
{
    int mtu = mtu_of(path, false);
    int headers = path->remote.family == MPS_AF_INET6 ? HEADERS_LEN : HEADERS_LEN_V4;

    return mtu > headers ? (unsigned)(mtu - headers) : 0;
}

int mps_connector_join(const struct mps_connector_path *path, bool large,
                       const struct mps_sockopts *opts)
{
    return open_socket(&path->local, path->ifindex, &path->remote,
                       large ? MPS_MARK_JOIN_LARGE : MPS_MARK_JOIN, large ? 0 : room_of(path),
                       opts);
}

bool mps_connector_is_marked(int fd)
{
    static const uint32_t sizes[] = {MPS_MARK_JOIN_LARGE, MPS_MARK_JOIN, 1176, 980, 504};
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return true;
    /* Once connected, as within a host by now, what timestamps take is off. */
    if (info.tcpi_state != SYN_SENT && info.tcpi_options & TCPI_OPT_TIMESTAMPS)
        info.tcpi_advmss += TIMESTAMP_LEN;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (info.tcpi_advmss == sizes[i])
            return true;
    }
    return false;
}

int mps_connector_plain(const struct mps_addr *local, const struct mps_addr *remote,
                        const struct mps_sockopts *opts)
{
    return open_socket(local, 0, remote, 0, 0, opts);
}

bool mps_connector_has(const struct mps_addr *local)
{
    struct mps_addr addr = *local;
    struct sockaddr_storage ss;
    socklen_t len;
    bool there;
    int fd;

    addr.port = 0;
    len = mps_sock_from_addr(&addr, &ss);
    fd = socket(addr.family == MPS_AF_INET6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true; /* without a descriptor nothing is known, so nothing is changed */
    there = bind(fd, (struct sockaddr *)&ss, len) == 0 || errno != EADDRNOTAVAIL;
    close(fd);
    return there;
}

int mps_connector_result(int fd)
{
    int err = mps_sock_get_int(fd, SOL_SOCKET, SO_ERROR, EIO);
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);

    if (err != 0) {
        errno = err;
        return MPS_ESYS;
    }
    if (getpeername(fd, (struct sockaddr *)&ss, &len) < 0)
        return errno == ENOTCONN ? MPS_CONNECTOR_WAIT : MPS_ESYS;
    return mps_marks_synack_is(fd, MPS_MARK_AGENT) ? MPS_CONNECTOR_MARKED : MPS_CONNECTOR_UNMARKED;
}
