/* SPDX-License-Identifier: MIT */
#include "reserve.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/net/sock.h"

static atomic_int reserve = -1;

void mps_reserve_fill(void)
{
    int expected = -1, fd;

    if (atomic_load(&reserve) >= 0)
        return;
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && !atomic_compare_exchange_strong(&reserve, &expected, fd))
        close(fd);
}

/* Whatever is unread would make a reset of it. */
static void turn_away(int fd)
{
    char sink[2048];

    if (mps_sock_get_int(fd, SOL_SOCKET, SO_DOMAIN, 0) == AF_UNIX &&
        mps_sock_get_int(fd, SOL_SOCKET, SO_TYPE, 0) == SOCK_STREAM)
        while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
            ;
    mps_sock_reset(fd);
}

bool mps_reserve_refuse(int listener)
{
    int spare = atomic_exchange(&reserve, -1), fd;

    if (spare < 0)
        return false;
    close(spare);
    fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        turn_away(fd);
    mps_reserve_fill();
    return fd >= 0;
}
