/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "engine/agent/clock.h"
#include "core/base/err.h"

int mps_log_fd = -1;

int mps_log_open(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    struct stat st;

    if (fd < 0)
        return MPS_ESYS;
    if (fstat(fd, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISCHR(st.st_mode))) {
        close(fd);
        errno = EINVAL;
        return MPS_ESYS;
    }
    mps_log_close();
    mps_log_fd = fd;
    return 0;
}

void mps_log_close(void)
{
    if (mps_log_fd >= 0)
        close(mps_log_fd);
    mps_log_fd = -1;
}

void mps_log_write(const char *fmt, ...)
{
    mps_time_t now = mps_clock_now();
    char line[512];
    va_list ap;
    int head, n;

    head = snprintf(line, sizeof(line), "%llu.%06llu [%d] ", (unsigned long long)(now / MPS_SEC),
                    (unsigned long long)(now % MPS_SEC / MPS_USEC), (int)getpid());
    va_start(ap, fmt);
    n = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    n += head;
    if (n > (int)sizeof(line) - 2)
        n = (int)sizeof(line) - 2;
    line[n++] = '\n';
    /* A log line that cannot be written is dropped: the log must never disturb the traffic. */
    if (write(mps_log_fd, line, (size_t)n) < 0)
        return;
}
