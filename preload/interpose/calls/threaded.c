/* SPDX-License-Identifier: MIT */
#include "threaded.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "interpose/next.h"

/* A folder has a link from itself, one from its parent, and one from each folder in it. */
#define LINKS_OF_ONE 3u

bool mps_threaded(void)
{
    const char *single = mps_next.single_threaded;
    struct statx task;
    int saved = errno;
    long rc;

    if (single)
        return !__atomic_load_n(single, __ATOMIC_RELAXED);
    rc = syscall(SYS_statx, AT_FDCWD, "/proc/self/task", 0, STATX_NLINK, &task);
    errno = saved;
    return rc != 0 || task.stx_nlink != LINKS_OF_ONE;
}
