/* SPDX-License-Identifier: MIT */
#include "broken.h"
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include "handover/sys.h"

void mps_broken_failed(int fd, bool raises)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (errno != EPIPE)
        return;
    if (mps_sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = 0;
    if (error == 0 && raises)
        (void)syscall(SYS_tgkill, (pid_t)syscall(SYS_getpid), (pid_t)syscall(SYS_gettid), SIGPIPE);
    errno = error != 0 ? error : EPIPE;
}
