/* SPDX-License-Identifier: MIT */
#include "netns.h"
#include <errno.h>
#include <stdint.h>
#include "handover/sys.h"

static uint64_t own; /* 0: not known */

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t len = sizeof(cookie);

    return mps_sys_getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

void mps_netns_start(void)
{
    int saved = errno, fd = mps_sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0) {
        own = cookie_of(fd);
        mps_sys_close(fd);
    }
    errno = saved;
}

bool mps_netns_is_foreign(int fd)
{
    int saved = errno;
    uint64_t cookie = own ? cookie_of(fd) : 0;

    errno = saved;
    return cookie != 0 && cookie != own;
}
