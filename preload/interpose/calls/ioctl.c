/* SPDX-License-Identifier: MIT */
/* ioctl(): what an AF_UNIX socket answers otherwise than TCP, or not at all. */
#include "interpose/preload.h"
#include <errno.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include "handover/client.h"
#include "handover/sys.h"
#include "interpose/liketcp.h"
#include "interpose/urgent.h"

/* Ask the agent for the send queue of a connection of ours; false if fd is none, or no answer. */
static bool ask_queue(int fd, unsigned long request, int *ret_bytes)
{
    const struct mps_ho_config *config = mps_preload_config();
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    struct mps_ho_conn_name name;
    enum mps_ho_result result;
    int extra = -1;

    if (!config || !mps_preload_is_ours(fd, &name))
        return false;
    memset(&req, 0, sizeof(req));
    req.op = MPS_HO_GETOPT;
    req.conn_id = name.conn_id;
    req.flags = mps_preload_no_wait(fd);
    req.level = MPS_HO_LEVEL_IOCTL;
    req.name = (int32_t)request;
    req.len = sizeof(*ret_bytes);
    result = mps_ho_call(config, name.agent_id, &req, -1, false, &reply, &extra);
    if (extra >= 0)
        mps_sys_close(extra);
    if (result != MPS_HO_REPLIED)
        return false;
    *ret_bytes = 0; /* the agent has forgotten a connection that is over */
    if (reply.status == MPS_HO_OK && reply.len == sizeof(*ret_bytes))
        memcpy(ret_bytes, reply.data, sizeof(*ret_bytes));
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
