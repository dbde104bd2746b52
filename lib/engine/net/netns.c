/* SPDX-License-Identifier: MIT */
#include "netns.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

/* An agent does not move: found out once, by whichever thread is first. */
static uint64_t own_cookie(void)
{
    static _Atomic uint64_t own;
    uint64_t cookie = atomic_load_explicit(&own, memory_order_relaxed);
    int fd;

    if (cookie != 0)
        return cookie;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    cookie = cookie_of(fd);
    close(fd);
    atomic_store_explicit(&own, cookie, memory_order_relaxed);
    return cookie;
}

bool mps_netns_is_own(int fd)
{
    uint64_t own = own_cookie(), cookie = cookie_of(fd);

    return own == 0 || cookie == 0 || cookie == own;
}
