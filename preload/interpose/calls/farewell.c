/* SPDX-License-Identifier: MIT */
/*
 * The end of the first process of a PID namespace (of a container): the kernel kills everything
 * else in it at once, the agent included, although bytes that the program wrote are still on their
 * way. So that process waits until they are delivered, as bytes in a kernel's sockets would be.
 */
#include "interpose/preload.h"
#include <string.h>
#include "handover/client.h"
#include "handover/sys.h"

#define FIRST_PROCESS 1
#define STEP_NS       10000000L

/* The agent's stop-timeout bounds it: then its name is free. */
static void farewell(void)
{
    const struct timespec step = {.tv_nsec = STEP_NS};
    const struct mps_ho_config *cfg = mps_preload_config();
    struct mps_ho_request req;
    struct mps_ho_reply reply;
    int fd = -1;

    if (!cfg || syscall(SYS_getpid) != FIRST_PROCESS)
        return;
    for (;;) {
        memset(&req, 0, sizeof(req));
        req.op = MPS_HO_LEAVE;
        if (mps_ho_call(cfg, NULL, &req, -1, false, &reply, &fd) != MPS_HO_REPLIED)
            return;
        if (fd >= 0)
            mps_sys_close(fd);
        if (reply.status != MPS_HO_OK)
            return;
        (void)syscall(SYS_nanosleep, &step, NULL);
    }
}

/* exit(), and the return of main. */
__attribute__((destructor)) static void preload_end(void)
{
    farewell();
}

static _Noreturn void end(int status)
{
    farewell();
    for (;;)
        (void)syscall(SYS_exit_group, status);
}

MPS_EXPORT _Noreturn void _exit(int status)
{
    end(status);
}

MPS_EXPORT _Noreturn void _Exit(int status)
{
    end(status);
}
