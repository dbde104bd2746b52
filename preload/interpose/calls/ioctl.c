/* SPDX-License-Identifier: MIT */
/* ioctl(): what an AF_UNIX socket answers otherwise than TCP, or not at all. */
#include "interpose/preload.h"
#include <errno.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include "handover/ask.h"
#include "handover/liketcp.h"
#include "interpose/urgent.h"

/* Ask the agent for the send queue of a connection of ours; false if fd is none, or no answer. */
static bool ask_queue(int fd, unsigned long request, int *ret_bytes)
{
    struct mps_ho_conn_name name;
    struct mps_ho_conn conn;
    socklen_t len = sizeof(*ret_bytes);
    int r;

    if (!mps_preload_conn(fd, &name, &conn))
        return false;
    r = mps_ho_ask_getopt(&conn, MPS_HO_LEVEL_IOCTL, (int)request, ret_bytes, &len);
    if (r == MPS_HO_NO_REPLY)
        return false;
    if (r < 0 || len != sizeof(*ret_bytes))
        *ret_bytes = 0; /* the agent has forgotten a connection that is over */
    return true;
}

MPS_EXPORT int ioctl(int fd, unsigned long request, ...)
{
    struct mps_ho_conn_name name;
    va_list ap;
    void *arg;
    int bytes, rc;

    va_start(ap, request);
    arg = va_arg(ap, void *); /* an integer argument comes the same way, as in libc itself */
    va_end(ap);
    if ((request == SIOCOUTQ || request == SIOCOUTQNSD) && arg && ask_queue(fd, request, &bytes)) {
        memcpy(arg, &bytes, sizeof(bytes));
        return 0;
    }
    if (__builtin_expect(mps_liketcp_answers(request, 0), 0) && mps_preload_is_ours(fd, &name))
        return mps_liketcp_ioctl(&name, request, arg);
    rc = mps_next.ioctl(fd, request, arg);
    if (__builtin_expect(rc < 0 && mps_liketcp_answers(request, errno), 0) &&
        mps_preload_is_ours(fd, &name))
        return mps_liketcp_ioctl(&name, request, arg);
    if (__builtin_expect(request == FIONREAD, 0) && rc == 0) {
        memcpy(&bytes, arg, sizeof(bytes));
        bytes = mps_urgent_readable(fd, bytes);
        memcpy(arg, &bytes, sizeof(bytes));
    }
    return rc;
}
