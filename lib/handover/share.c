/* SPDX-License-Identifier: MIT */
#include "share.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include "sys.h"

/* Nobody's: of the loopback network, and of the prefix whose packets are thrown away (RFC 6666). */
#define PARKED_IPV4 0x7ffffffdU
static const struct in6_addr parked_ipv6 = {
    {{0x01, 0x00, 0, 0, 0, 0, 0, 0, 0x4d, 0x50, 0x54, 0x43, 0x50, 0x53, 0x48, 0x4d}}};

union name {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct place {
    union name name;
    socklen_t len;
    int v6_only;
};

static int option(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof(value);

    return mps_sys_getsockopt(fd, level, name, &value, &len) == 0 ? value : -errno;
}

static bool set(int fd, int level, int name, int value)
{
    return mps_sys_setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static bool find_place(int fd, struct place *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->len = sizeof(ret->name);
    if (mps_sys_getsockname(fd, &ret->name, &ret->len) < 0)
        return false;
    if (ret->name.any.sa_family == AF_INET6)
        ret->v6_only = option(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1;
    else if (ret->name.any.sa_family != AF_INET)
        return false;
    return ret->name.v4.sin_port != 0; /* sin6_port has the same place */
}

/* A TCP socket at this place, bound to the same device as fd, closed again: 0, or -errno. */
static int bind_once(int fd, const struct place *place, bool share)
{
    int device = option(fd, SOL_SOCKET, SO_BINDTOIFINDEX), r = 0;
    int other = mps_sys_socket(place->name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

    if (other < 0)
        return -errno;
    if (!set(other, SOL_SOCKET, SO_REUSEADDR, 1) || !set(other, SOL_SOCKET, SO_REUSEPORT, share) ||
        !set(other, IPPROTO_IP, IP_FREEBIND, 1) ||
        (place->name.any.sa_family == AF_INET6 &&
         !set(other, IPPROTO_IPV6, IPV6_V6ONLY, place->v6_only)) ||
        (device > 0 && !set(other, SOL_SOCKET, SO_BINDTOIFINDEX, device)) ||
        mps_sys_bind(other, &place->name, place->len) < 0)
        r = -errno;
    mps_sys_close(other);
    return r;
}

static bool is_wildcard_of_both(const struct place *place)
{
    return place->name.any.sa_family == AF_INET6 && !place->v6_only &&
           IN6_IS_ADDR_UNSPECIFIED(&place->name.v6.sin6_addr);
}

static int begin(int fd)
{
    struct place place;
    int on = option(fd, SOL_SOCKET, SO_REUSEPORT);
    bool known = find_place(fd, &place);

    if (on != 0)
        return on < 0 ? on : 0;
    /* Several may be bound with SO_REUSEADDR, of which one may listen: the others would be let in
     * beside it if they shared. */
    if (known && option(fd, SOL_SOCKET, SO_REUSEADDR) == 1 &&
        bind_once(fd, &place, false) == -EADDRINUSE)
        return 0;
    if (!set(fd, SOL_SOCKET, SO_REUSEPORT, 1))
        return -errno;
    if (known && is_wildcard_of_both(&place)) {
        place.v6_only = 1;
        (void)bind_once(fd, &place, true);
    }
    return 1;
}

int mps_share_begin(int fd)
{
    int saved = errno;
    int r = begin(fd);

    errno = saved;
    return r;
}

static int park(int fd)
{
    struct place place;
    in_port_t port;

    if (!find_place(fd, &place))
        return -EINVAL;
    port = place.name.v4.sin_port;
    if (place.name.any.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&place.name.v6.sin6_addr)) {
        memset(&place, 0, sizeof(place));
        place.len = sizeof(place.name.v4);
        place.name.v4 = (struct sockaddr_in){
            .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(PARKED_IPV4)};
    } else {
        memset(&place, 0, sizeof(place));
        place.len = sizeof(place.name.v6);
        place.name.v6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = parked_ipv6};
        place.v6_only = 1;
    }
    return bind_once(fd, &place, true);
}

int mps_share_park(int fd)
{
    int saved = errno;
    int r = park(fd);

    errno = saved;
    return r;
}
