/* SPDX-License-Identifier: MIT */
/* getsockname and getpeername of the connection rather than of the descriptor. */
#include <errno.h>
#include <string.h>
#include "handover/ask.h"
#include "mptcpshim/mptcpshim.h"
#include "handover/sys.h"

static void store(const struct sockaddr_storage *from, struct sockaddr *addr, socklen_t *len)
{
    socklen_t full = mps_ho_sockaddr_len(from);

    memcpy(addr, from, *len < full ? *len : full);
    *len = full;
}

int mptcpshim_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    struct mps_ho_conn_name name;

    if (mps_ho_conn_of(fd, &name) != 1)
        return mps_sys_getsockname(fd, addr, len);
    store(&name.local, addr, len);
    return 0;
}

int mptcpshim_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    struct mps_ho_conn_name name;

    if (mps_ho_conn_of(fd, &name) != 1)
        return mps_sys_getpeername(fd, addr, len);
    store(&name.peer, addr, len);
    return 0;
}
