/* SPDX-License-Identifier: MIT */
/* connect(AF_UNSPEC) on a connection of ours: it ends, and the number can connect again. */
#include "preload.h"
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include "handover/sys.h"

/* What tcp_disconnect() leaves as the program set it; the levels that the agent knows about. */
static void carry_over(int from, int to)
{
    static const struct {
        int level, name;
    } kept[] = {
        {IPPROTO_TCP, TCP_NODELAY}, {IPPROTO_TCP, TCP_KEEPIDLE},     {IPPROTO_TCP, TCP_KEEPINTVL},
        {IPPROTO_TCP, TCP_KEEPCNT}, {IPPROTO_TCP, TCP_USER_TIMEOUT}, {IPPROTO_TCP, TCP_INQ},
        {IPPROTO_IP, IP_TOS},
    };

    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        int value = 0;
        socklen_t len = sizeof(value);

        if (getsockopt(from, kept[i].level, kept[i].name, &value, &len) == 0 &&
            len == sizeof(value) && value != 0)
            (void)mps_sys_setsockopt(to, kept[i].level, kept[i].name, &value, len);
    }
}

/* As TCP does: with a reset, whoever else holds the connection. */
static void abort_connection(int fd)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    (void)mps_next.shutdown(fd, SHUT_RDWR);
}

int mps_disconnect(int fd, const struct mps_ho_conn_name *name)
{
    struct linger linger;
    socklen_t len = sizeof(linger);
    bool lingers = mps_sys_getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) == 0;
    mps_sys_sigset_t mask;
    bool done;
    int fresh = mps_sys_socket(name->local.ss_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

    if (fresh < 0)
        return -1;
    carry_over(fd, fresh);
    abort_connection(fd);
    if (lingers)
        (void)mps_sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    mask = mps_sys_block();
    done = mps_swap_replace(fd, fresh, mps_hints_find(fd));
    if (done)
        mps_hints_ours_set(fd, false);
    mps_sys_close(fresh);
    mps_sys_unblock(mask);
    return done ? 0 : -1;
}
