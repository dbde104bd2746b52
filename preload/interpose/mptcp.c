/* SPDX-License-Identifier: MIT */
#include "mptcp.h"
#include <string.h>
#include "exceptions.h"
#include "preload.h"

static bool wrapped;

void mps_mptcp_start(const char *list)
{
    wrapped = list && strstr(list, "libmptcpwrap");
}

bool mps_mptcp_is_asked(int domain, int type, int protocol)
{
    bool asked =
        protocol == IPPROTO_MPTCP || (wrapped && (protocol == 0 || protocol == IPPROTO_TCP));

    return __builtin_expect(asked, 0) && (domain == AF_INET || domain == AF_INET6) &&
           (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_STREAM && mps_preload_config() &&
           !mps_exceptions_left_alone();
}

void mps_mptcp_note(int fd)
{
    (void)mps_preload_set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
}

int mps_mptcp_protocol(int fd, bool ours)
{
    struct mps_hint *hint = mps_hints_find(fd);

    if (mps_preload_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 0) != 1)
        return IPPROTO_TCP;
    /* Accepted sockets have their listener's. */
    if (ours || (hint && atomic_load_explicit(&hint->tcp, memory_order_relaxed)) ||
        mps_preload_option(fd, SOL_SOCKET, SO_ACCEPTCONN, 0) == 1)
        return IPPROTO_MPTCP;
    return IPPROTO_TCP;
}
