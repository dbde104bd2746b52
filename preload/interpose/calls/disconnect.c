/* SPDX-License-Identifier: MIT */
/* connect(AF_UNSPEC) on a connection of ours: it ends, and the number can connect again. */
#include "interpose/preload.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include "handover/exchange.h"
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

/* Reset the connection `old`, of which fd is one number, and put `fresh` in the place of that. */
static enum mps_exchange_result replace(int fd, int old, int fresh)
{
    struct mps_carry carry;
    struct mps_claim claim;
    struct linger linger;
    socklen_t len = sizeof(linger);
    mps_sys_sigset_t mask;
    enum mps_exchange_result swap;

    carry_over(old, fresh);
    if (mps_sys_getsockopt(old, SOL_SOCKET, SO_LINGER, &linger, &len) != 0)
        memset(&linger, 0, sizeof(linger));
    abort_connection(old);
    (void)mps_sys_setsockopt(old, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    mask = mps_sys_block();
    mps_claim_decided(fd, &claim);
    claim.cookie = mps_exchange_cookie(old);
    mps_carry_take(&carry, old);
    swap = mps_swap_put(fd, fresh, &carry, &claim);
    if (swap == MPS_EXCHANGE_DONE)
        mps_hints_ours_set(fd, false);
    mps_claim_end(&claim, MPS_HINT_NONE);
    mps_sys_unblock(mask);
    return swap;
}

int mps_disconnect(int fd, const struct mps_ho_conn_name *name)
{
    int fresh = mps_sys_socket(name->local.ss_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    /* The number may be closed meanwhile. */
    int old = fresh < 0 ? -1 : mps_sys_fcntl(fd, F_DUPFD_CLOEXEC, 0);
    int error = errno;

    if (old >= 0)
        error = replace(fd, old, fresh) == MPS_EXCHANGE_DONE ? 0 : EBADF;
    if (old >= 0)
        mps_sys_close(old);
    if (fresh >= 0)
        mps_sys_close(fresh);
    errno = error;
    return error == 0 ? 0 : -1;
}
