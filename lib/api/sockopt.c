/* SPDX-License-Identifier: MIT */
/* Socket options of the connection rather than of the descriptor. */
#include <errno.h>
#include "agent.h"
#include "handover.h"
#include "handover/sockopt.h"
#include "handover/sys.h"

/* As the functions below return. */
static int answer(int result)
{
    return api_return(result == MPS_HO_NO_REPLY ? -ENOTCONN : result);
}

static bool conn_of(int fd, struct mps_ho_conn_name *name, struct mps_ho_conn *ret)
{
    *ret = (struct mps_ho_conn){.config = api_agent_config(), .name = name, .fd = fd};
    return mps_ho_conn_of(fd, name) == 1;
}

int mptcpshim_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    struct mps_ho_conn_name name;
    struct mps_ho_conn conn;

    if (!conn_of(fd, &name, &conn))
        return mps_sys_setsockopt(fd, level, option, value, len);
    return answer(mps_sockopt_set(&conn, level, option, value, len));
}

int mptcpshim_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
    struct mps_ho_conn_name name;
    struct mps_ho_conn conn;

    if (!conn_of(fd, &name, &conn))
        return mps_sys_getsockopt(fd, level, option, value, len);
    return answer(mps_sockopt_get(&conn, level, option, value, len));
}
