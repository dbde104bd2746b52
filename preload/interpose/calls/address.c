/* SPDX-License-Identifier: MIT */
/* getsockname() and getpeername() of an end of ours: what the TCP socket had. */
#include "interpose/preload.h"
#include <errno.h>
#include <string.h>
#include "handover/ask.h"

/*
 * The native call has filled addr, of which room bytes are the program's; does it say AF_UNIX (or
 * is there too little room to tell), look at its name. True if it is of ours.
 */
static bool translate(int fd, struct sockaddr *addr, socklen_t *len, socklen_t room, bool peer)
{
    struct mps_ho_conn_name name;
    const struct sockaddr_storage *real = peer ? &name.peer : &name.local;
    socklen_t real_len;

    if (room >= sizeof(addr->sa_family) && addr->sa_family != AF_UNIX)
        return false;
    if (!mps_preload_is_ours(fd, &name))
        return false;
    real_len = mps_ho_sockaddr_len(real);
    memcpy(addr, real, room < real_len ? room : real_len);
    *len = real_len;
    return true;
}

MPS_EXPORT int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    const socklen_t room = addr && len ? *len : 0;
    int rc;

    mps_decide(fd, false);
    rc = mps_next.getsockname(fd, addr, len);
    if (rc == 0 && addr && len)
        (void)translate(fd, addr, len, room, false);
    return rc;
}

MPS_EXPORT int getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    const socklen_t room = addr && len ? *len : 0;
    int rc;

    mps_decide(fd, false);
    rc = mps_next.getpeername(fd, addr, len);
    if (rc == 0 && addr && len && translate(fd, addr, len, room, true) && mps_ho_conn_is_over(fd)) {
        errno = ENOTCONN;
        return -1;
    }
    return rc;
}
