/* SPDX-License-Identifier: MIT */
#include "ended.h"
#include <string.h>
#include "handover/client.h"
#include "preload.h"

int mps_ended_error(int fd)
{
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    int error = 0;

    memset(&req, 0, sizeof(req));
    req.op = MPS_HO_GETOPT;
    req.level = SOL_SOCKET;
    req.name = SO_ERROR;
    req.len = sizeof(error);
    if (mps_preload_ask(fd, &req, &reply) && reply.status == MPS_HO_OK &&
        reply.len == sizeof(error))
        memcpy(&error, reply.data, sizeof(error));
    return error > 0 ? error : ECONNRESET;
}
