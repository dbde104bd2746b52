/* SPDX-License-Identifier: MIT */
/*
 * TCP_INQ: recvmsg() tells by TCP_CM_INQ how much more is there. On an end of ours the wish is kept
 * in the socket, so that it holds after dup and fork: in SO_NOFCS, which means nothing for AF_UNIX.
 */
#include "inq.h"
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include "handover/sys.h"
#include "preload.h"

/* Nobody asked so far: most programs never do, and pay nothing. */
static atomic_bool used;

bool mps_inq_set(int fd, int value)
{
    if (value < 0 || value > 1 || !mps_preload_set_option(fd, SOL_SOCKET, SO_NOFCS, value))
        return false;
    if (value)
        atomic_store_explicit(&used, true, memory_order_relaxed);
    return true;
}

int mps_inq_get(int fd)
{
    return mps_preload_option(fd, SOL_SOCKET, SO_NOFCS, 0);
}

bool mps_inq_wanted(int fd)
{
    struct mps_ho_conn_name name;

    return atomic_load_explicit(&used, memory_order_relaxed) && mps_inq_get(fd) &&
           mps_preload_is_ours(fd, &name);
}

/* As TCP counts: the bytes that can be read, or 1 for a FIN alone. */
static int readable(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};
    int n = 0;

    if (syscall(SYS_ioctl, fd, SIOCINQ, &n) < 0)
        return 0;
    if (n == 0 && mps_sys_poll(&look, 1, 0) == 1)
        n = 1;
    return n;
}

void mps_inq_append(int fd, struct msghdr *msg, size_t room)
{
    int saved = errno, n = readable(fd);
    size_t at = CMSG_ALIGN(msg->msg_controllen);
    struct cmsghdr head = {
        .cmsg_len = CMSG_LEN(sizeof(n)),
        .cmsg_level = IPPROTO_TCP,
        .cmsg_type = TCP_CM_INQ,
    };

    errno = saved;
    if (!msg->msg_control || at > room || room - at < CMSG_LEN(sizeof(n))) {
        msg->msg_flags |= MSG_CTRUNC;
        return;
    }
    memcpy((char *)msg->msg_control + at, &head, sizeof(head));
    memcpy((char *)msg->msg_control + at + CMSG_LEN(0), &n, sizeof(n));
    msg->msg_controllen = at + CMSG_SPACE(sizeof(n)) <= room ? at + CMSG_SPACE(sizeof(n)) : room;
}
