/* SPDX-License-Identifier: MIT */
#include "ended.h"
#include "handover/ask.h"
#include "preload.h"

int mps_ended_error(int fd)
{
    struct mps_ho_conn_name name;
    struct mps_ho_conn conn;

    return mps_preload_conn(fd, &name, &conn) ? mps_ho_ask_error(&conn) : ECONNRESET;
}
