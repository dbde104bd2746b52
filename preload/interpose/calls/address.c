/* SPDX-License-Identifier: MIT */
/* getsockname() and getpeername() of an end of ours: what the TCP socket had. */
#include "interpose/preload.h"
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include "handover/ask.h"

/*
 * The name of an end of ours is longer than an address of TCP. So that none of it is left behind
 * the address in the program's memory, the native call gets no more room than IPv4 needs, and is
 * made again where that is too little.
 */
#define FIRST ((socklen_t)sizeof(struct sockaddr_in))

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

static int ask(int fd, struct sockaddr *addr, socklen_t *len,
               int (*native)(int fd, mps_addr_out addr, socklen_t *len), bool peer)
{
    const socklen_t room = addr && len ? *len : 0;
    const bool cut = room > FIRST && room <= INT_MAX;
    int rc;

    mps_decide(fd, false);
    if (cut)
        *len = FIRST;
    rc = native(fd, addr, len);
    if (rc != 0 || !addr || !len) {
        if (cut)
            *len = room;
        return rc;
    }
    if (translate(fd, addr, len, room, peer)) {
        if (!peer || !mps_ho_conn_is_over(fd))
            return 0;
        errno = ENOTCONN;
        return -1;
    }
    if (!cut || *len <= FIRST)
        return rc;
    *len = room;
    return native(fd, addr, len);
}

MPS_EXPORT int getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    return ask(fd, addr, len, mps_next.getsockname, false);
}

MPS_EXPORT int getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    return ask(fd, addr, len, mps_next.getpeername, true);
}
